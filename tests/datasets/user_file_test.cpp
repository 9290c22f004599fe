// If these fail, a user's own Q, K, V are misread or missliced, or a truncated, lying or hostile file crashes us or gets through.
#include <zlib.h>

#include <cstring>
#include <filesystem>
#include <limits>

#include "datasets/dataset.h"
#include "datasets/named_arrays.h"
#include "datasets/npy.h"
#include "datasets/part.h"
#include "harness/support/hash.h"
#include "tests/catch.h"
#include "tests/datasets/support.h"

using namespace attnbench;
namespace fs = std::filesystem;

namespace {

const Wanted kAll = [](std::string_view) { return true; };

// Every array of a container, its elements read too.
std::vector<std::pair<std::string, Array>> load_all(const Container& container) {
  std::vector<std::pair<std::string, Array>> arrays;
  for (const auto& [name, stored] : container.arrays) arrays.emplace_back(name, stored.load());
  return arrays;
}
auto load_npz(const Bytes& file) { return load_all(open_npz(InputFile(file), "an archive", kAll)); }
auto load_safetensors(const Bytes& file) { return load_all(open_safetensors(InputFile(file), "a file", kAll)); }

template <class T>
void put(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// A .safetensors file in memory: the header text, with its true length unless told otherwise, and zero data.
Bytes safetensors(const std::string& header, std::size_t data_bytes, std::uint64_t length = 0) {
  std::string file;
  put(file, length ? length : std::uint64_t{header.size()});
  return in_memory(file + header + std::string(data_bytes, '\0'));
}

// A little .npy of shape (count,) float32, zero.
std::string small_npy(std::int64_t count, std::int64_t declared = -1) {
  const TemporaryFolder folder;
  const std::vector<std::int64_t> shape{declared < 0 ? count : declared};
  write_npy(folder / "a.npy", shape, std::vector<float>(static_cast<std::size_t>(count)));
  return slurp(folder / "a.npy");
}

std::string deflated(const std::string& plain) {
  std::string packed(compressBound(static_cast<uLong>(plain.size())) + 64, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// One ZIP member as we want it to be, true or not.
struct Entry {
  std::string name, data;
  std::uint16_t method = 0, flags = 0;
  std::uint32_t size = 0, crc = 0;

  static Entry stored(const std::string& name, const std::string& plain) { return make(name, plain, plain, 0); }
  static Entry packed(const std::string& name, const std::string& plain) { return make(name, plain, deflated(plain), 8); }
  static Entry make(const std::string& name, const std::string& plain, const std::string& data, std::uint16_t method) {
    return {name,
            data,
            method,
            0,
            static_cast<std::uint32_t>(plain.size()),
            static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(plain.data()), static_cast<uInt>(plain.size())))};
  }
};

Bytes zip(const std::vector<Entry>& entries) {
  std::string file, directory;
  for (const auto& entry : entries) {
    std::string common;  // fields that the local header and the directory share
    for (const auto field : {entry.flags, entry.method, std::uint16_t{0}, std::uint16_t{0}}) put(common, field);
    for (const auto field : {entry.crc, static_cast<std::uint32_t>(entry.data.size()), entry.size}) put(common, field);
    put(common, static_cast<std::uint16_t>(entry.name.size()));
    put(common, std::uint16_t{0});
    put(directory, std::uint32_t{0x02014b50});
    put(directory, std::uint16_t{20});
    put(directory, std::uint16_t{20});
    directory += common + std::string(10, '\0');
    put(directory, static_cast<std::uint32_t>(file.size()));
    directory += entry.name;
    put(file, std::uint32_t{0x04034b50});
    put(file, std::uint16_t{20});
    file += common + entry.name + entry.data;
  }
  const auto offset = static_cast<std::uint32_t>(file.size());
  file += directory;
  put(file, std::uint32_t{0x06054b50});
  put(file, std::uint32_t{0});
  for (int i = 0; i < 2; ++i) put(file, static_cast<std::uint16_t>(entries.size()));
  put(file, static_cast<std::uint32_t>(directory.size()));
  put(file, offset);
  put(file, std::uint16_t{0});
  return in_memory(file);
}

// Every prefix and every file with one byte flipped: refused or read, but never a crash or another exception.
template <class Parse>
void mutate(const std::string& whole, Parse parse, std::size_t flips_up_to) {
  for (std::size_t length = 0; length < whole.size(); ++length)
    CHECK_THROWS_AS(parse(in_memory(whole.substr(0, length))), UserError);
  for (std::size_t at = 0; at < std::min(whole.size(), flips_up_to); ++at)
    for (const int flip : {0x01, 0x10, 0x80, 0xff}) {
      auto damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      const auto message = refusal([&] { parse(in_memory(damaged)); });
      CHECK(message.find('\n') == std::string::npos);
    }
}

}  // namespace

TEST_CASE("every container of the same Q, K, V gives the same tensors") {
  // make_files.py: b1 h4:2 n5 d8:6, element i of each array is i / 8 - 1.
  const auto problem = parse_problem("h4:2 n5 d8:6");
  for (const char* file : {"folder", "stored.npz", "deflated.npz", "f32.safetensors", "f16.safetensors", "bf16.safetensors",
                           "f64_rank3.safetensors"}) {
    CAPTURE(file);
    const auto in = open_dataset("file:" + fixture(file))->make(problem, 1);
    for (int i = 0; i < 160; ++i) CHECK(in.q.data()[i] == static_cast<float>(i) / 8 - 1);
    for (int i = 0; i < 80; ++i) CHECK(in.k.data()[i] == static_cast<float>(i) / 8 - 1);
    for (int i = 0; i < 60; ++i) CHECK(in.v.data()[i] == static_cast<float>(i) / 8 - 1);
  }
}

TEST_CASE("a smaller problem takes the first tokens, heads and batch entries") {
  const auto dataset = open_dataset("file:" + fixture("folder"));
  const auto in = dataset->make(parse_problem("h2:1 n2:3 d8:6"), 1);
  REQUIRE(in.q.shape() == Shape{1, 2, 2, 8});
  CHECK(in.q.view().row(0, 1, 1)[7] == (1 * 5 * 8 + 1 * 8 + 7) / 8.0f - 1);
  CHECK(in.v.view().row(0, 0, 2)[5] == (2 * 6 + 5) / 8.0f - 1);
}

TEST_CASE("a larger problem, another d or split groups are refused with the axes to paste") {
  const auto dataset = open_dataset("file:" + fixture("stored.npz"));
  CHECK(sizes_text(*dataset->holds()) == "b1 h4:2 n5 d8:6");
  const std::pair<const char*, const char*> wrong[] = {
      {"h4:2 n6 d8:6", "holds b1 h4:2 n5 d8:6, the problem asks for n=6; use -a n=5"},
      {"h4:2 n5:6 d8:6", "asks for n=5:6; use -a n=5"},
      {"h4:2 n2:6 d8:6", "asks for n=2:6; use -a nq=2 -a nk=5"},
      {"h4:4 n5 d8:6", "(groups of 2 query heads share a key head and stay whole), the problem asks for h=4; use -a h=4:2"},
      {"h2:2 n5 d8:6", "asks for h=2; use -a h=2:1"},
      {"h1:1 n5 d8:6", "asks for h=1; use -a h=2:1"},
      {"h8:4 n5 d8:6", "asks for h=8:4; use -a h=4:2"},
      {"b2 h4:2 n5 d8:6", "asks for b=2; use -a b=1"},
      {"h4:2 n5 d4:6", "asks for d=4:6; use -a dqk=8 -a dv=6"},
      {"b2 h4:2 n7 d8", "asks for b=2, d=8, n=7; use -a b=1 -a dqk=8 -a dv=6 -a n=5"},
  };
  for (const auto& [problem, expected] : wrong)
    CHECK_MENTIONS(refusal([&, &problem = problem] { dataset->make(parse_problem(problem), 1); }), expected);
}

TEST_CASE("query heads of a cut keep their own key heads") {
  // make_files.py: k of head h begins with h * 5 * 8 / 8 - 1.
  const auto in = open_dataset("file:" + fixture("folder"))->make(parse_problem("h2:1 n5 d8:6"), 1);
  CHECK(in.k.shape() == Shape{1, 1, 5, 8});
  CHECK(in.k.data()[0] == -1.0f);
  CHECK(cut_text(parse_problem("b2 h32:8 n64 d64"), parse_problem("b1 h8:2 n64 d64")) ==
        "8 of 32 query heads, 2 of 8 key heads, 1 of 2 batch entries");
}

TEST_CASE("sizes that a problem leaves out are those of the file") {
  const auto held = parse_problem("b2 h32:8 n300 d128 mask=bool:b");
  CHECK(completed("", held) == "b2 h32:8 n300 d128 mask=bool:b");
  CHECK(completed("f32 causal n64", held) == "f32 causal n64 b2 h32:8 d128 mask=bool:b");
  CHECK(completed("b1 h8:2 n4 d128 mask=additive", held) == "b1 h8:2 n4 d128 mask=additive");
  CHECK(without_sizes("b1 h2 n1024 d64 f32 causal window=3:0 mask=bool") == "f32 causal window=3:0 mask=bool");
}

TEST_CASE("arrays are found by the names that the spec gives, and listed where they are not there") {
  const TemporaryFolder folder;
  const std::vector<std::int64_t> shape{1, 2, 4, 2};
  std::vector<float> values(16);
  fs::create_directory(folder / "layers");
  for (int layer : {0, 2, 10})
    for (const char* role : {"q", "k", "v"}) {
      std::fill(values.begin(), values.end(), static_cast<float>(layer));
      write_npy(folder / ("layers/model." + std::to_string(layer) + ".attn." + role + ".npy"), shape, values);
    }
  const auto path = folder / "layers";
  const auto named = open_dataset("file:" + path + "(q=model.2.attn.q,k=model.2.attn.k,v=model.10.attn.v)");
  CHECK(named->spec() == "file(q=model.2.attn.q,k=model.2.attn.k,v=model.10.attn.v):" + path);
  const auto in = open_dataset(named->spec())->make(parse_problem("h2 n4 d2"), 1);
  CHECK(in.q.data()[0] == 2.0f);
  CHECK(in.v.data()[0] == 10.0f);

  const auto pattern = "file:" + path + "(q=model.{layer}.attn.q,k=model.{layer}.attn.k,v=model.{layer}.attn.v)";
  CHECK(placeholder_of(pattern) == "layer");
  CHECK(placeholder_of("gaussian").empty());
  const auto all = expand_placeholder(pattern, {});
  REQUIRE(all.size() == 3);
  CHECK(all[1] == "file(q=model.2.attn.q,k=model.2.attn.k,v=model.2.attn.v):" + path);
  CHECK(all[2] == "file(q=model.10.attn.q,k=model.10.attn.k,v=model.10.attn.v):" + path);
  const std::vector<std::string> one{"10"};
  CHECK(expand_placeholder(pattern, one) == std::vector<std::string>{all[2]});
  CHECK_MENTIONS(refusal([&] { open_dataset(pattern); }), "stands for several; write a value in place of {layer}");
  CHECK_MENTIONS(refusal([&] { expand_placeholder("file:" + path + "(q=h.{layer}.q)", {}); }),
                 "holds no arrays named 'h.{layer}.q'");

  CHECK_MENTIONS(refusal([&] { open_dataset("file:" + path); }),
                 "holds no array named 'q' or 'query'; it holds 'model.0.attn.k', 'model.0.attn.q', 'model.0.attn.v'");
  CHECK_MENTIONS(refusal([&] { open_dataset("file:" + path); }),
                 "choose by name: --dataset 'file:" + path + "(q=model.0.attn.q,k=model.0.attn.k,v=model.0.attn.v)'");
  CHECK_MENTIONS(refusal([&] { open_dataset("file:" + path + "(q=no.such)"); }), "holds no array named 'no.such'");
  for (const char* role : {"q", "k", "v"}) write_npy(folder / ("layers/model.1.attn." + std::string(role) + ".npy"), shape, values);
  CHECK_MENTIONS(refusal([&] { open_dataset("file:" + path); }), "--dataset '" + pattern + "'");
}

TEST_CASE("layout=bnhd reads [b, n, h, d]") {
  const TemporaryFolder folder;
  std::vector<float> values(2 * 5 * 3 * 4);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  for (const char* name : {"q.npy", "k.npy", "v.npy"}) write_npy(folder / name, std::vector<std::int64_t>{2, 5, 3, 4}, values);
  const auto dataset = open_dataset("file(layout=bnhd):" + folder.path());
  CHECK(sizes_text(*dataset->holds()) == "b2 h3 n5 d4");
  CHECK(dataset->hints().empty());
  const auto in = dataset->make(parse_problem("b2 h2 n4 d4"), 1);
  CHECK(in.q.view().row(1, 1, 3)[2] == static_cast<float>(((1 * 5 + 3) * 3 + 1) * 4 + 2));

  const auto misread = open_dataset("file:" + folder.path());
  REQUIRE(misread->hints().size() == 1);
  CHECK_MENTIONS(misread->hints()[0], "with more heads than tokens; if the axes are [b, n, h, d], write layout=bnhd");
  CHECK(misread->fingerprint() != dataset->fingerprint());
  CHECK_MENTIONS(refusal([&] { open_dataset("file(layout=hbnd):" + folder.path()); }), "one of bhnd|bnhd");

  write_npy(folder / "q.npy", std::vector<std::int64_t>{2, 7, 3, 4}, std::vector<float>(168));
  CHECK_MENTIONS(refusal([&] { open_dataset("file:" + folder.path()); }), "; they fit with layout=bnhd");
}

TEST_CASE("a mask in the file is part of its problem") {
  const TemporaryFolder folder;
  fs::copy(fixture("folder"), folder / "copy");
  write_npy(folder / "copy/mask.npy", std::vector<std::int64_t>{1, 1, 5}, std::vector<float>{0, 0, -1, -2, -3});
  const auto dataset = open_dataset("file:" + (folder / "copy"));
  CHECK(sizes_text(*dataset->holds()) == "b1 h4:2 n5 d8:6 mask=additive");
  const auto in = dataset->make(parse_problem("h4:2 n4 d8:6 mask=additive"), 1);
  REQUIRE(in.mask.shape() == Shape{1, 1, 4, 4});
  CHECK(in.mask.view().row(0, 0, 3)[3] == -2.0f);
  CHECK(dataset->make(parse_problem("h4:2 n4 d8:6"), 1).mask.empty());
  CHECK_MENTIONS(refusal([&] { dataset->make(parse_problem("h4:2 n4 d8:6 mask=bool"), 1); }),
                 "asks for mask=bool; use -a mask=additive");
  write_npy(folder / "copy/mask.npy", std::vector<std::int64_t>{4}, std::vector<float>(4));
  CHECK_MENTIONS(refusal([&] { open_dataset("file:" + (folder / "copy")); }), "does not broadcast to the scores [1, 4, 5, 5]");
}

TEST_CASE("an array of its name is an extra input: cut like the others, axes of 1 left out or not, of the right shape") {
  const TemporaryFolder folder;
  fs::copy(fixture("folder"), folder / "copy");  // b1 h4:2 n5 d8:6
  const auto dataset = open_dataset("file:" + (folder / "copy"));
  const auto whole = parse_problem("h4:2 n5 d8:6"), part = parse_problem("h2:1 n3 d8:6");
  const auto gate_of = [](const Problem& p) { return InputSpec{"gate", {1, p.heads_kv, p.n_k, 1}, DType::f32, Fill::constant(7)}; };
  const auto gate = [&](const Problem& p) { return dataset->make(p, std::vector{gate_of(p)}, 1); };
  CHECK(gate(whole)["gate"].data()[3] == 7);  // the file has none: as the spec says
  CHECK_FALSE(dataset->fingerprint_of_own("gate"));

  std::vector<float> values(10);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  for (const auto& shape : std::vector<std::vector<std::int64_t>>{{2, 5}, {1, 2, 5}, {2, 5, 1}, {1, 2, 5, 1}}) {
    CAPTURE(shape);
    write_npy(folder / "copy/gate.npy", shape, values);
    CHECK(gate(whole)["gate"].view().row(0, 1, 4)[0] == 9);
    const auto cut = gate(part);
    REQUIRE(cut["gate"].shape() == Shape{1, 1, 3, 1});
    CHECK(cut["gate"].data()[2] == 2);
    CHECK(std::equal(cut.k.data(), cut.k.data() + 24, dataset->make(part, 1).k.data()));
  }
  const auto first = dataset->fingerprint_of_own("gate");
  values[9] = -std::numeric_limits<float>::infinity();
  write_npy(folder / "copy/gate.npy", std::vector<std::int64_t>{2, 5}, values);
  CHECK(gate(whole)["gate"].data()[9] == values[9]);
  CHECK(dataset->fingerprint_of_own("gate") != first);

  const auto refused = [&](const std::vector<std::int64_t>& shape, float last) {
    std::vector<float> other(static_cast<std::size_t>(Array{shape, DType::f32, {}}.count()), 1.0f);
    other.back() = last;
    write_npy(folder / "copy/gate.npy", shape, other);
    return refusal([&] { gate(whole); });
  };
  CHECK_MENTIONS(refused({2, 5, 3}, 1), "'gate' in '" + (folder / "copy") +
                                            "' has shape [2, 5, 3]; for b1 h4:2 n5 d8:6 f32 the input "
                                            "'gate' is [b, h, n, d] = [1, 2, 5, 1], where axes of 1 may be left out");
  CHECK_MENTIONS(refused({2, 6}, 1), "has shape [2, 6]");
  CHECK_MENTIONS(refused({2, 5}, std::nanf("")), "holds NaN at [b, h, n, d] = [0, 1, 4, 0]");
  CHECK_MENTIONS(refused({2, 5}, std::numeric_limits<float>::infinity()), "holds inf at");
}

TEST_CASE("with layout=bnhd an extra input is [b, n, h, d] too") {
  const TemporaryFolder folder;
  const std::vector<std::int64_t> shape{1, 3, 2, 4};
  for (const char* name : {"q.npy", "k.npy", "v.npy"}) write_npy(folder / name, shape, std::vector<float>(24));
  write_npy(folder / "gate.npy", std::vector<std::int64_t>{3, 2}, std::vector<float>{0, 1, 2, 3, 4, 5});
  const InputSpec spec{"gate", {1, 2, 3, 1}};
  const auto gate = open_dataset("file(layout=bnhd):" + folder.path())->make_extra(spec, parse_problem("h2 n3 d4"), 1);
  CHECK(gate.view().row(0, 1, 2)[0] == 5);
  CHECK(gate.view().row(0, 0, 1)[0] == 2);
}

TEST_CASE("opening reads headers only") {
  const TemporaryFolder folder;
  fs::copy(fixture("f32.safetensors"), folder / "cut.safetensors");
  const auto dataset = open_dataset("file:" + (folder / "cut.safetensors"));
  const auto header = 8 + static_cast<std::uintmax_t>(static_cast<unsigned char>(slurp(folder / "cut.safetensors")[0])) +
                      256 * static_cast<std::uintmax_t>(static_cast<unsigned char>(slurp(folder / "cut.safetensors")[1]));
  fs::resize_file(folder / "cut.safetensors", header);
  CHECK(sizes_text(*dataset->holds()) == "b1 h4:2 n5 d8:6");
  CHECK_MENTIONS(refusal([&] { dataset->make(*dataset->holds(), 1); }), "was truncated while it was being read");
  CHECK_MENTIONS(refusal([&] { dataset->fingerprint(); }), "was truncated while it was being read");
}

TEST_CASE("dense masks come with a file too") {
  const auto in = open_dataset("file:" + fixture("folder"))->make(parse_problem("h4:2 n5 d8:6 mask=bool"), 1);
  CHECK(in.mask.shape() == Shape{1, 1, 5, 5});
}

TEST_CASE("the fingerprint follows the contents, not the name") {
  const auto fingerprint = [](const std::string& path) { return open_dataset("file:" + path)->fingerprint(); };
  const TemporaryFolder folder;
  fs::copy(fixture("folder"), folder / "copy");
  CHECK(fingerprint(folder / "copy") == fingerprint(fixture("folder")));
  auto changed = slurp(folder / "copy/v.npy");
  changed.back() = static_cast<char>(changed.back() ^ 1);
  spill(folder / "copy/v.npy", changed);
  CHECK(fingerprint(folder / "copy") != fingerprint(fixture("folder")));
}

TEST_CASE("NaN, missing, doubled or unmatched arrays are refused by name") {
  const TemporaryFolder folder;
  const auto write = [&](const std::string& name, std::vector<std::int64_t> shape, float last = 1) {
    std::vector<float> values(static_cast<std::size_t>(Array{shape, DType::f32, {}}.count()), 1.0f);
    values.back() = last;
    write_npy(folder / name, shape, values);
  };
  const auto open = [&] { return refusal([&] { open_dataset("file:" + folder.path()); }); };
  const auto make = [&] {
    return refusal([&] {
      const auto dataset = open_dataset("file:" + folder.path());
      dataset->make(*dataset->holds(), 1);
    });
  };
  CHECK_MENTIONS(open(), "holds no array named 'q' or 'query'; it holds none");
  write("q.npy", {4, 2});
  write("K.npy", {4, 2});
  CHECK_MENTIONS(open(), "holds no array named 'v' or 'value'; it holds 'K', 'q'; choose by name: ");
  write("Value.npy", {4, 3});
  CHECK(open().empty());
  write("query.npy", {4, 2});
  CHECK_MENTIONS(open(), "more than one array named 'q' or 'query'");
  fs::remove(folder / "query.npy");
  write("K.npy", {4, 2}, std::numeric_limits<float>::quiet_NaN());
  CHECK(open().empty());  // reads headers
  CHECK_MENTIONS(make(), "'k' in '" + folder.path() + "' holds NaN at index [3, 1]");
  CHECK_NOTHROW(open_dataset("file:" + folder.path())->make(parse_problem("n3 d2:3"), 1));  // the NaN is beyond
  write("K.npy", {4, 5});
  CHECK_MENTIONS(open(), "k [4, 5]");
  write("K.npy", {3, 2});
  CHECK_MENTIONS(open(), "expected [b, h_q, n_q, d_qk]");
  write("K.npy", {8});
  CHECK_MENTIONS(open(), "'k' in");
}

TEST_CASE("what is no container is refused") {
  const TemporaryFolder folder;
  spill(folder / "a.txt", "hello");
  spill(folder / "a.npz", "hello");
  spill(folder / "a.safetensors", "hello");
  for (const char* name : {"a.txt", "a.npz", "a.safetensors", "missing"}) {
    const auto message = refusal([&] { open_dataset("file:" + (folder / name)); });
    CHECK_MENTIONS(message, name);
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("every truncation of an npz is refused and no flipped byte crashes") {
  for (const char* file : {"stored.npz", "deflated.npz"}) {
    CAPTURE(file);
    mutate(
        slurp(fixture(file)), [](const Bytes& bytes) { return load_npz(bytes); }, 1u << 20);
  }
}

TEST_CASE("every truncation of a safetensors file is refused and no flipped byte crashes") {
  for (const char* file : {"f32.safetensors", "f16.safetensors", "bf16.safetensors", "f64_rank3.safetensors"}) {
    CAPTURE(file);
    mutate(
        slurp(fixture(file)), [](const Bytes& bytes) { return load_safetensors(bytes); }, 260);
  }
}

TEST_CASE("our hand-made archives are read when they are true") {
  const auto arrays = load_npz(zip({Entry::stored("q.npy", small_npy(3)), Entry::packed("k.npy", small_npy(1000))}));
  REQUIRE(arrays.size() == 2);
  CHECK(arrays[0].first == "q");
  CHECK(arrays[1].first == "k");
  CHECK(arrays[1].second.count() == 1000);
}

TEST_CASE("lying and hostile archives are refused") {
  const auto parse = [](const std::vector<Entry>& entries) { return refusal([&] { load_npz(zip(entries)); }); };
  const auto with = [](Entry entry, auto change) {
    change(entry);
    return entry;
  };
  const auto packed = Entry::packed("q.npy", small_npy(1000)), stored = Entry::stored("q.npy", small_npy(1000));
  CHECK_MENTIONS(parse({with(packed, [](Entry& e) { e.size = 0xfffffffe; })}), "claims more than its data can hold");
  CHECK_MENTIONS(parse({with(packed, [](Entry& e) { e.size += 1; })}), "does not inflate to its size");
  CHECK_MENTIONS(parse({with(packed, [](Entry& e) { e.size -= 1; })}), "declares");
  CHECK_MENTIONS(parse({with(packed, [](Entry& e) { e.crc ^= 1; })}), "CRC");
  CHECK_MENTIONS(parse({with(packed, [](Entry& e) { e.flags = 1; })}), "encrypted");
  CHECK_MENTIONS(parse({with(packed, [](Entry& e) { e.method = 14; })}), "compression method 14");
  CHECK_MENTIONS(parse({with(packed, [](Entry& e) { e.data.resize(e.data.size() / 2); })}), "does not inflate");
  CHECK_MENTIONS(parse({with(packed, [](Entry& e) { e.data += "tail"; })}), "does not inflate");
  CHECK_MENTIONS(parse({with(stored, [](Entry& e) { e.size += 1; })}), "two different sizes");
  CHECK_MENTIONS(parse({stored, packed}), "twice");
  // A bomb: a megabyte of zeros behind a header that declares three numbers; and a header that declares more than there is.
  CHECK_MENTIONS(parse({Entry::packed("q.npy", small_npy(3) + std::string(1 << 20, '\0'))}), "declares");
  CHECK_MENTIONS(parse({Entry::packed("q.npy", small_npy(3, 1ll << 40))}), "declares");
  CHECK_MENTIONS(parse({Entry::stored("q.npy", small_npy(3, 1ll << 40))}), "declares shape");
  const auto bomb = zip({Entry::packed("q.npy", small_npy(3) + std::string(1 << 20, '\0'))});
  CHECK_MENTIONS(refusal([&] { open_npz(InputFile(bomb), "hostile", kAll); }), "declares shape [3], ");
}

TEST_CASE("lying and hostile safetensors are refused") {
  const auto parse = [](const Bytes& file) { return refusal([&] { load_safetensors(file); }); };
  const auto tensor = [](const char* shape, const char* offsets) {
    return std::string(R"({"dtype":"F32","shape":)") + shape + R"(,"data_offsets":)" + offsets + "}";
  };
  CHECK(parse(safetensors("{\"q\":" + tensor("[2,3]", "[0,24]") + "}", 24)).empty());
  CHECK(parse(safetensors("{\"q\":" + tensor("[0]", "[0,0]") + "}", 0)).empty());

  const auto good = "{\"q\":" + tensor("[2,3]", "[0,24]") + "}";
  CHECK(parse(safetensors(good + "   ", 24)).empty());
  CHECK_MENTIONS(parse(safetensors(good + std::string(1, '\0') + "anything", 24)),
                 "byte " + std::to_string(8 + good.size()) + ", in its header, is NUL; pad the header with spaces");
  CHECK_MENTIONS(parse(safetensors(good + std::string(4, '\0'), 24)), "is NUL");
  CHECK_MENTIONS(parse(safetensors("  " + good, 24)), "not a JSON object that begins with '{' but with ' '");
  CHECK_MENTIONS(parse(safetensors("\xef\xbb\xbf" + good, 24)), "not a JSON object that begins with '{'");
  CHECK_MENTIONS(parse(safetensors(good + "x", 24)), "not a JSON object");

  CHECK_MENTIONS(parse(safetensors("{}", 0, ~std::uint64_t{0})), "its header claims 18446744073709551615 bytes");
  CHECK_MENTIONS(parse(safetensors("{}", 0, 3)), "its header claims 3 bytes");
  CHECK_MENTIONS(parse(safetensors("[]", 0)), "not a JSON object");
  CHECK_MENTIONS(parse(safetensors("{\"q\":", 0)), "not a JSON object");
  CHECK_MENTIONS(parse(safetensors("{\"\xff\":1}", 0)), "not a JSON object");
  CHECK_MENTIONS(parse(safetensors("{\"q\":1}", 0)), "no dtype");
  CHECK_MENTIONS(parse(safetensors("{\"q\":" + std::string(100000, '['), 0)), "nested too deeply");
  CHECK_MENTIONS(parse(safetensors(std::string(100000, '{'), 0)), "not a JSON object");
  CHECK_MENTIONS(parse(safetensors("{\"q\":" + tensor("[2]", "[0,8]") + ",\"q\":" + tensor("[2]", "[0,8]") + "}", 8)), "'q' twice");

  for (const auto& [shape, offsets, expected] : std::vector<std::array<const char*, 3>>{
           {"[2,3]", "[0,28]", "outside the file"},
           {"[2,3]", "[24,0]", "outside the file"},
           {"[2,3]", "[-8,16]", "outside the file"},
           {"[2,3]", "[0.0,24.0]", "outside the file"},
           {"[2,3]", "[0,18446744073709551615]", "outside the file"},
           {"[2,3]", "[0]", "outside the file"},
           {"[2,3]", "null", "outside the file"},
           {"[2,3]", "[4,24]", "leaves a hole"},
           {"[2,3]", "[0,20]", "24 bytes of data where its header says 20"},
           {"[2,2]", "[0,24]", "holds 24 bytes"},
           {"[4294967296,4294967296]", "[0,24]", "holds 24 bytes"},
           {"[-2,-3]", "[0,24]", "no valid shape"},
           {"[[2,3]]", "[0,24]", "nested too deeply"},
           {"\"23\"", "[0,24]", "no valid shape"},
       })
    CHECK_MENTIONS(parse(safetensors("{\"q\":" + tensor(shape, offsets) + "}", 24)), expected);
  CHECK_MENTIONS(parse(safetensors("{\"q\":" + tensor("[4]", "[0,16]") + ",\"k\":" + tensor("[4]", "[8,24]") + "}", 24)),
                 "overlaps");
}

TEST_CASE("tensors of other types do no harm unless they are wanted") {
  const auto file = safetensors(
      R"({"ids":{"dtype":"C64","shape":[2],"data_offsets":[0,16]},"q":{"dtype":"F32","shape":[1],"data_offsets":[16,20]}})", 20);
  const auto container = open_safetensors(InputFile(file), "mixed", [](std::string_view name) { return name == "q"; });
  CHECK(container.arrays.size() == 1);
  CHECK(container.names.size() == 2);
  CHECK_MENTIONS(refusal([&] { load_safetensors(file); }), "dtype 'C64'");
}
