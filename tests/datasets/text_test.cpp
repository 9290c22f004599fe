// If these fail, text is split wrongly, its vectors carry no meaning, the default input has a degenerate attention, or a broken
// cache gets in.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "datasets/dataset.h"
#include "datasets/locations.h"
#include "datasets/sparse_svd.h"
#include "datasets/tokenizer.h"
#include "datasets/word_vectors.h"
#include "tests/catch.h"
#include "tests/datasets/attention.h"
#include "tests/datasets/support.h"

using namespace attnbench;
namespace fs = std::filesystem;

namespace {

const std::string kShipped = ATTNBENCH_SOURCE_DIR "/datasets/data/kjv.txt";

std::vector<std::string> words_of(const std::string& text) {
  const auto tokenized = tokenize(text, 1000, "text");
  std::vector<std::string> words;
  for (const auto token : tokenized.tokens) words.push_back(tokenized.words[token]);
  return words;
}

using Words = std::vector<std::string>;

// Sets an environment variable for the scope.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~Environment() { old_.empty() ? ::unsetenv(name_) : ::setenv(name_, old_.c_str(), 1); }

 private:
  const char* name_;
  std::string old_;
};

}  // namespace

TEST_CASE("words, punctuation and scripts are told apart") {
  CHECK(words_of("In the beginning, God's word: \"don't\"\n") ==
        Words{"in", "the", "beginning", ",", "god's", "word", ":", "\"", "don't", "\""});
  CHECK(words_of("'tis the boys' 3rd; x=1") == Words{"'", "tis", "the", "boys", "'", "3rd", ";", "x", "=", "1"});
  CHECK(words_of("\xc3\x84PFEL \xc3\x89t\xc3\xa9 \xce\xa3\xce\x9f\xce\xa6\xce\x99\xce\x91 \xd0\x9c\xd0\x98\xd0\xa0") ==
        Words{"\xc3\xa4pfel", "\xc3\xa9t\xc3\xa9", "\xcf\x83\xce\xbf\xcf\x86\xce\xb9\xce\xb1", "\xd0\xbc\xd0\xb8\xd1\x80"});
  CHECK(words_of("\xc5\xbd\xc4\x8c\xc5\x81") == Words{"\xc5\xbe\xc4\x8d\xc5\x82"});  // Z, C with caron, L with stroke
  CHECK(words_of("\xe6\xbc\xa2\xe5\xad\x97\xe3\x80\x82") == Words{"\xe6\xbc\xa2", "\xe5\xad\x97", "\xe3\x80\x82"});
  CHECK(words_of("it\xe2\x80\x99s \xe2\x80\x9cso\xe2\x80\x9d") == Words{"it's", "\xe2\x80\x9c", "so", "\xe2\x80\x9d"});
  CHECK(words_of("\xef\xbb\xbf"
                 "a\xc2\xa0"
                 "b\t\r\n ") == Words{"a", "b"});
  CHECK(words_of("").empty());
}

TEST_CASE("the vocabulary is ordered by frequency and capped with <rare>") {
  const auto text = tokenize("b a c a b a d", 3, "text");
  CHECK(text.words == Words{"a", "b", "<rare>"});
  CHECK(text.tokens == std::vector<std::uint32_t>{1, 0, 2, 0, 1, 0, 2});
  CHECK(tokenize("b a b", 3, "text").words == Words{"b", "a"});
}

TEST_CASE("malformed UTF-8 is refused at its byte") {
  for (const std::string bad : {"\x80", "\xc3", "\xc3(", "\xe2\x82", "\xf0\x9f\x98", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                                "\xf4\x90\x80\x80", "\xff"}) {
    const auto message = refusal([&] { tokenize("ok " + bad, 10, "'my.txt'"); });
    CHECK_MENTIONS(message, "'my.txt' is not valid UTF-8 at byte 3");
  }
}

TEST_CASE("truncated SVD of a matrix with known singular values") {
  // diag(9, 8, ..., 1, 0) with rows rotated by one: singular values as on the diagonal, u_i = e_(i+1).
  SparseMatrix m{10, {0}, {}, {}};
  for (std::uint32_t i = 0; i < 10; ++i) {
    const auto source = (i + 9) % 10;
    m.column.push_back(source);
    m.value.push_back(9.0 - source);
    m.row_begin.push_back(i + 1);
  }
  const auto svd = truncated_svd(m, 4);
  REQUIRE(svd.rank == 4);
  for (std::int64_t c = 0; c < 4; ++c) {
    CHECK(svd.sigma[static_cast<std::size_t>(c)] == Approx(9.0 - static_cast<double>(c)).epsilon(1e-9));
    for (std::int64_t i = 0; i < 10; ++i)
      CHECK(svd.u[static_cast<std::size_t>(i * 4 + c)] == Approx(i == c + 1 ? 1 : 0).margin(1e-6));
  }
}

TEST_CASE("word vectors of the shipped text know which words keep company") {
  const auto text = tokenize(slurp(kShipped), 4096, kShipped);
  REQUIRE(text.tokens.size() > 65536);
  const auto vectors = build_word_vectors(text);
  const auto similarity = [&](const std::string& a, const std::string& b) {
    const auto at = [&](const std::string& word) {
      return static_cast<std::size_t>(std::find(text.words.begin(), text.words.end(), word) - text.words.begin()) * kWordDim;
    };
    double sum = 0;
    for (std::size_t c = 0; c < kWordDim; ++c) sum += static_cast<double>(vectors[at(a) + c]) * vectors[at(b) + c];
    return sum / kWordDim;
  };
  CHECK(similarity("three", "three") == Approx(1).epsilon(1e-5));
  CHECK(similarity("three", "four") > 0.5);
  CHECK(similarity("bread", "eat") > 0.5);
  CHECK(similarity("gold", "brass") > 0.5);
  CHECK(similarity("gold", "said") < 0.2);
  CHECK(similarity("three", "jesus") < 0.2);
}

TEST_CASE("attention on text is neither uniform nor one-hot, and its heads differ") {
  const auto problem = parse_problem("h8 n256 d64");
  for (const char* spec : {"text", "text(position=rope)", "text(position=none)"}) {
    CAPTURE(spec);
    const AttentionRows rows(problem, open_dataset(spec)->make(problem, 1));
    double least = 1, most = 0;
    for (std::int64_t h = 0; h < 8; ++h) {
      const double share = rows.mean_entropy(h) / std::log(256);
      CHECK(share > 0.04);
      CHECK(share < 0.9);
      least = std::min(least, share);
      most = std::max(most, share);
    }
    CHECK(rows.mean_entropy() / std::log(256) > 0.3);
    CHECK(most - least > 0.2);
  }
}

TEST_CASE("positions reach the scores: the same word twice has different keys, without positions the same") {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 40; ++i) text += i % 2 ? "b " : "a ";
  spill(folder / "ab.txt", text);
  const auto problem = parse_problem("n8 d16");
  const auto keys_repeat = [&](const std::string& position) {
    const auto in = open_dataset("text(position=" + position + "):" + (folder / "ab.txt"))->make(problem, 1);
    return std::equal(in.k.view().row(0, 0, 1), in.k.view().row(0, 0, 1) + 16, in.k.view().row(0, 0, 3));
  };
  CHECK(keys_repeat("none"));
  CHECK_FALSE(keys_repeat("sinusoidal"));
  CHECK_FALSE(keys_repeat("rope"));
}

TEST_CASE("rope makes scores depend on the distance only") {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 64; ++i) text += "a b c d ";
  spill(folder / "abcd.txt", text);
  const auto problem = parse_problem("n64 d32");
  const auto in = open_dataset("text(position=rope):" + (folder / "abcd.txt"))->make(problem, 1);
  const auto score = [&](std::int64_t i, std::int64_t j) {
    double sum = 0;
    for (int c = 0; c < 32; ++c) sum += static_cast<double>(in.q.view().row(0, 0, i)[c]) * in.k.view().row(0, 0, j)[c];
    return sum;
  };
  for (const std::int64_t shift : {4, 20, 40})
    CHECK(score(10 + shift, 3 + shift) == Approx(score(10, 3)).epsilon(1e-4).margin(1e-3));
  CHECK(score(10, 7) != Approx(score(10, 3)).epsilon(1e-2));
}

TEST_CASE("labels are the words of batch entry 0, in order") {
  const auto dataset = open_dataset("text");
  const auto problem = parse_problem("n4:40 d8 causal-bottom-right");
  const auto labels = dataset->token_labels(problem, 1);
  REQUIRE(labels.size() == 40);
  const auto all = words_of(slurp(kShipped));  // vocabulary capped harder here: compare only frequent words
  CHECK(labels != dataset->token_labels(problem, 2));
  const auto starts_here = [&](std::size_t at) {
    for (std::size_t j = 0; j < 40; ++j)
      if (const auto& word = all[(at + j) % all.size()]; word != "<rare>" && word != labels[j]) return false;
    return true;
  };
  std::size_t places = 0;
  for (std::size_t at = 0; at < all.size(); ++at) places += starts_here(at);
  CHECK(places == 1);
  CHECK(open_dataset("gaussian")->token_labels(problem, 1).empty());
}

TEST_CASE("the shipped text is long enough for 65536 tokens, and a longer n is refused") {
  CHECK(open_dataset("text")->token_labels(parse_problem("n65536"), 1).size() == 65536);
  CHECK_MENTIONS(refusal([] { open_dataset("text")->make(parse_problem("n1000000 d1"), 1); }), "fewer than n = 1000000");
}

TEST_CASE("a user's text: too short, empty, binary, missing") {
  const TemporaryFolder folder;
  const auto open = [&](const std::string& content) {
    spill(folder / "my.txt", content);
    return refusal([&] { open_dataset("text:" + (folder / "my.txt"))->make(parse_problem("n100 d4"), 1); });
  };
  CHECK_MENTIONS(open(""), "only 0 words");
  CHECK_MENTIONS(open("three words only"), "only 3 words");
  CHECK_MENTIONS(open("one two three four five six seven eight nine ten a b c d e f"), "fewer than n = 100");
  CHECK_MENTIONS(open("fine so far \xff"), "byte 12");
  CHECK_MENTIONS(refusal([] { open_dataset("text:/no/such/file"); }), "/no/such/file");
  std::string same;  // one word only: no information, but no crash
  for (int i = 0; i < 200; ++i) same += "again ";
  CHECK(open(same).empty());
}

TEST_CASE("the cache is used when good, rebuilt when damaged, and not needed") {
  const TemporaryFolder folder;
  const Environment cache("ATTNBENCH_CACHE", folder / "cache");
  const std::vector<float> values{1, 2, 3};
  CHECK_FALSE(read_cache("x.bin", 7, 3));
  write_cache("x.bin", 7, values);
  CHECK(read_cache("x.bin", 7, 3) == values);
  CHECK_FALSE(read_cache("x.bin", 8, 3));
  CHECK_FALSE(read_cache("x.bin", 7, 2));
  const auto good = slurp(folder / "cache/x.bin");
  for (std::size_t at = 0; at < good.size(); ++at) {
    auto damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    spill(folder / "cache/x.bin", damaged);
    CHECK_FALSE(read_cache("x.bin", 7, 3));
    spill(folder / "cache/x.bin", good.substr(0, at));
    CHECK_FALSE(read_cache("x.bin", 7, 3));
  }
  const Environment unwritable("ATTNBENCH_CACHE", "/dev/null/cache");
  CHECK_NOTHROW(write_cache("x.bin", 7, values));
  CHECK_FALSE(read_cache("x.bin", 7, 3));
  CHECK_NOTHROW(open_dataset("text")->make(parse_problem("n16 d4"), 1));
}

TEST_CASE("text gives the same bytes with a cold and a warm cache") {
  const TemporaryFolder folder;
  const Environment cache("ATTNBENCH_CACHE", folder.path());
  const auto problem = parse_problem("n32 d8");
  const auto cold = open_dataset("text")->make(problem, 1);
  REQUIRE_FALSE(fs::is_empty(folder.path()));
  const auto warm = open_dataset("text")->make(problem, 1);
  CHECK(std::equal(cold.q.data(), cold.q.data() + 256, warm.q.data()));
}

TEST_CASE("the shipped text can be moved with ATTNBENCH_DATA") {
  const TemporaryFolder folder;
  {
    const Environment data("ATTNBENCH_DATA", folder.path());
    CHECK_MENTIONS(refusal([] { open_dataset("text"); }), "ATTNBENCH_DATA");
    fs::copy_file(kShipped, folder / "kjv.txt");
    CHECK(shipped_file("kjv.txt") == folder / "kjv.txt");
    CHECK(open_dataset("text")->spec() == "text");
  }
  CHECK(shipped_file("kjv.txt") == kShipped);
}
