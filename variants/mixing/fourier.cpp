// Fourier mixing: two discrete Fourier transforms in place of attention, and nothing to learn.
//
//   Y = Re(F_n X F_D)                                           Lee-Thorp et al. 2022, FNet, section 3.2, equation 3
//
// X [n, D] are the heads of V side by side, D = heads d_v; Q and K are not read. F_n and F_D are the plain sums of the definition,
// so that outputs are sqrt(n D) times as large as tokens; normalise=ortho takes that out. form=fft: channels first, of which D / 2
// + 1 say all as X is real, then the sequence; powers of two by radix 2, other lengths as convolutions with a chirp (Bluestein).
// form=matrix: the same sums as BLAS products with tables of cosines and sines; auto takes it for up to 32 channels and 64 rows.
// Cost: n D log(n D), or n D^2 + n^2 D multiply-adds; extra memory: n D numbers, n^2 for the tables.
// Time (AVX-512, one thread): 0.2 of blockwise at n 512, D 512. Tables took 3.3, 4.6 and 6.3 times as long as transforms at n, D =
// 16, 256; 256, 256; 512, 512, where lengths are powers of two; 1.3, 1.3 and 2.1 times at n 20, 100, 400, D 240; 0.6, 0.8 and 1.0
// times at n 30, 60, 200, D 30.
#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "variants/api/integers.h"
#include "variants/api/variant.h"
#include "variants/kernels/dense/projection.h"
#include "variants/kernels/fourier/row_transforms.h"

namespace attnbench {
namespace {

constexpr std::int64_t kTableChannels = 32, kTableRows = 64;  // up to which `auto` takes products with tables
constexpr std::int64_t kLongestTables = 1 << 13;              // rows: 2 n^2 floats, half a GB
constexpr std::int64_t kRows = 128;                           // of a product

constexpr ParamSpec kParams[] = {
    choice_param("form", "auto", "auto|fft|matrix", "fast transforms, or products with tables of cosines and sines"),
    choice_param("normalise", "none", "none|ortho", "ortho: divides by sqrt(n D)"),
};

std::int64_t width_of(const Problem& p) { return p.heads_q * p.d_v; }

bool by_tables(const Problem& p, const Params& params) {
  const auto& form = params.choice("form");
  return form == "matrix" || (form == "auto" && p.n_q <= kTableRows && width_of(p) <= kTableChannels);
}

double factor_of(const Problem& p, const Params& params) {
  return params.choice("normalise") == "ortho" ? 1 / std::sqrt(static_cast<double>(p.n_q * width_of(p))) : 1;
}

// ---- What prepare() leaves -----------------------------------------------------------------------------------------------

struct Tables {
  std::vector<float> channels;      // [D, 2 stride]: cos, then -sin, of the kept channels
  std::vector<float> cosine, sine;  // [n, n]
};

struct Transforms {
  kernels::FftPlan channels, sequence;  // by fft
  Tables tables;                        // by matrix
};

double angle(std::int64_t j, std::int64_t k, std::int64_t n) {  // exact up to the last product
  return 2 * std::numbers::pi * static_cast<double>(j * k % n) / static_cast<double>(n);
}

Tables make_tables(std::int64_t n, std::int64_t width) {
  const auto stride = kernels::kept_stride(width);
  Tables tables;
  tables.channels.assign(static_cast<std::size_t>(width * 2 * stride), 0.0f);
  for (std::int64_t l = 0; l < width; ++l)
    for (std::int64_t k = 0; k < kernels::kept_channels(width); ++k) {
      float* at = tables.channels.data() + l * 2 * stride + k;
      at[0] = static_cast<float>(std::cos(angle(l, k, width)));
      at[stride] = static_cast<float>(-std::sin(angle(l, k, width)));
    }
  tables.cosine.reserve(static_cast<std::size_t>(n * n));
  tables.sine.reserve(static_cast<std::size_t>(n * n));
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      tables.cosine.push_back(static_cast<float>(std::cos(angle(i, j, n))));
      tables.sine.push_back(static_cast<float>(std::sin(angle(i, j, n))));
    }
  return tables;
}

Prepared make_transforms(const PrepareTask& task) {
  const auto& p = task.problem;
  Transforms t;
  if (by_tables(p, task.params)) {
    t.tables = make_tables(p.n_q, width_of(p));
    const auto floats = t.tables.channels.size() + 2 * t.tables.cosine.size();
    return Prepared::of(std::move(t), sizeof(float) * floats);
  }
  t.channels = kernels::make_fft_plan(width_of(p));
  t.sequence = kernels::make_fft_plan(p.n_q);
  const auto bytes = t.channels.bytes() + t.sequence.bytes();
  return Prepared::of(std::move(t), bytes);
}

void unsupported(const Problem& p, const Params& params, Reasons& reasons) {
  if (by_tables(p, params) && p.n_q > kLongestTables)
    reasons.push_back("fourier with form=matrix has n x n tables: n must be at most " + std::to_string(kLongestTables));
}

// ---- The computation -----------------------------------------------------------------------------------------------------

// All rows of the batch, [b n][stride] each.
struct Rows {
  kernels::ComplexRows all;
  std::int64_t n;

  kernels::ComplexRows at(std::int64_t b, std::int64_t row) const {
    const auto offset = (b * n + row) * all.stride;
    return {all.re + offset, all.im + offset, all.stride};
  }
};

void fast_transforms(const RunTask& task, const Rows& rows, float* scratch, std::int64_t floats) {
  const auto& p = task.problem;
  const auto& t = task.prepared.as<Transforms>();
  const auto most = kernels::most_rows(), blocks = ceil_div(p.n_q, most);
  task.parallel.for_each(p.batch * blocks, [&](std::int64_t block, int slot) {
    const auto b = block / blocks, begin = block % blocks * most;
    kernels::transform_channels(task.inputs.values(), b, {begin, std::min(p.n_q, begin + most)}, t.channels, rows.at(b, begin),
                                scratch + slot * floats);
  });
  const auto lanes = kernels::most_sequences(), groups = ceil_div(kernels::kept_channels(width_of(p)), lanes);
  task.parallel.for_each(p.batch * groups, [&](std::int64_t group, int slot) {
    kernels::transform_sequence(rows.at(group / groups, 0), group % groups * lanes, t.sequence, scratch + slot * floats);
  });
}

// to [rows, columns] = a [rows, depth] b + keep to
void multiply(std::int64_t rows, std::int64_t columns, std::int64_t depth, const float* a, const float* b, std::int64_t b_stride,
              float* to, std::int64_t to_stride) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<int>(rows), static_cast<int>(columns), static_cast<int>(depth),
              1.0f, a, static_cast<int>(depth), b, static_cast<int>(b_stride), 0.0f, to, static_cast<int>(to_stride));
}

// rows.re: the real parts for k, rows.im: those for D - k, in the place of the channels' transforms `made` [b n][2 stride].
void products_with_tables(const RunTask& task, const Rows& rows, float* made, float* panels) {
  const auto& p = task.problem;
  const auto& tables = task.prepared.as<Transforms>().tables;
  const auto stride = rows.all.stride, blocks = ceil_div(p.n_q, kRows), kept = kernels::kept_channels(width_of(p));
  const TensorView<float> y{made, {p.batch, 1, p.n_q, 2 * stride}, {p.n_q * 2 * stride, 0, 2 * stride, 1}};
  kernels::project(task.parallel, task.inputs.values(), tables.channels.data(), y, panels);
  task.parallel.for_each(p.batch * blocks, [&](std::int64_t block, int) {
    const auto b = block / blocks, begin = block % blocks * kRows, count = std::min(kRows, p.n_q - begin);
    const auto to = rows.at(b, begin);
    multiply(count, kept, p.n_q, tables.cosine.data() + begin * p.n_q, y.row(b, 0, 0), 2 * stride, to.re, stride);
    multiply(count, kept, p.n_q, tables.sine.data() + begin * p.n_q, y.row(b, 0, 0) + stride, 2 * stride, to.im, stride);
    for (std::int64_t t = 0; t < count * stride; ++t) {
      const float even = to.re[t], odd = to.im[t];
      to.re[t] = even + odd;
      to.im[t] = even - odd;
    }
  });
}

// Channel k of the output where k is kept; channel D - k is the real part of the same sequence's frequency -i.
void write_rows(const RunTask& task, const Rows& rows, bool mirrored) {
  const auto& p = task.problem;
  const auto width = width_of(p), kept = kernels::kept_channels(width);
  const auto factor = static_cast<float>(factor_of(p, task.params));
  task.parallel.for_ranges(p.batch * p.n_q, kRows, [&](std::int64_t begin, std::int64_t end, int) {
    for (auto t = begin; t < end; ++t) {
      const auto b = t / p.n_q, i = t % p.n_q;
      const float* own = rows.at(b, i).re;
      const float* other = mirrored ? rows.at(b, i).im : rows.at(b, (p.n_q - i) % p.n_q).re;
      for (std::int64_t h = 0; h < p.heads_q; ++h) {
        float* out = task.out().row(b, h, i);
        for (std::int64_t c = 0; c < p.d_v; ++c) {
          const auto k = h * p.d_v + c;
          out[c] = factor * (k < kept ? own[k] : other[width - k]);
        }
      }
    }
  });
}

// Scratch per thread, and the array between the two products.
struct Sizes {
  std::int64_t per_thread, made;
};

Sizes sizes(const Problem& p, const Params& params) {
  const auto width = width_of(p), stride = kernels::kept_stride(width);
  if (by_tables(p, params)) return {kernels::projection_floats(1, width, 2 * stride), p.batch * p.n_q * 2 * stride};
  const auto size = [](std::int64_t n) {
    const auto padded = kernels::power_of_two_from(n);
    return kernels::transform_floats({.length = n, .size = padded == n ? n : kernels::power_of_two_from(2 * n - 1)});
  };
  return {std::max(size(width), size(p.n_q)), 0};
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto stride = kernels::kept_stride(width_of(p)), floats = p.batch * p.n_q * stride;
  const auto size = sizes(p, task.params);
  float* re = task.workspace.allocate<float>(floats).data();
  const Rows rows{{re, task.workspace.allocate<float>(floats).data(), stride}, p.n_q};
  float* scratch = task.workspace.allocate<float>(task.parallel.threads() * size.per_thread).data();
  const bool tables = by_tables(p, task.params);
  if (tables) products_with_tables(task, rows, task.workspace.allocate<float>(size.made).data(), scratch);
  else fast_transforms(task, rows, scratch, size.per_thread);
  write_rows(task, rows, tables);
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  const auto size = sizes(p, params);
  return 2 * workspace_bytes<float>(p.batch * p.n_q * kernels::kept_stride(width_of(p))) +
         workspace_bytes<float>(threads * size.per_thread) + workspace_bytes<float>(size.made);
}

// A transform of a row of channels serves two rows.
Cost cost(const Problem& p, const Params& params) {
  const auto width = width_of(p);
  const double n = static_cast<double>(p.n_q), d = static_cast<double>(width), b = static_cast<double>(p.batch);
  const double kept = static_cast<double>(kernels::kept_channels(width)), stride = static_cast<double>(kernels::kept_stride(width));
  Cost cost{.bytes = compulsory_bytes(p) + 4 * 4 * b * n * stride};
  if (by_tables(p, params)) {
    cost.multiply_adds = b * n * (2 * stride * d + 2 * kept * n);
    return cost;
  }
  const auto operations = [](std::int64_t length) {
    const auto padded = kernels::power_of_two_from(length);
    if (padded == length) return kernels::multiply_adds_of_power(length);
    const auto size = kernels::power_of_two_from(2 * length - 1);
    return 2 * kernels::multiply_adds_of_power(size) + 4 * static_cast<double>(length) + 2 * static_cast<double>(size);
  };
  cost.multiply_adds = b * (n * (operations(width) / 2 + 2 * kept) + kept * operations(p.n_q));
  cost.depth = std::max(1.0, std::ceil(std::log2(n)));
  return cost;
}

// ---- Float64 reference: the definition, y_ik = sum_jl x_jl cos(2 pi (ij / n + kl / D)), output row by output row ----------

// Weighted sums of the tokens: cosines in `even`, sines in `odd`, both [D].
void exact_sums(const OracleTask& task, std::int64_t b, std::int64_t i, std::vector<double>& even, std::vector<double>& odd) {
  const auto& p = task.problem;
  for (std::int64_t j = 0; j < p.n_k; ++j) {
    const double cosine = std::cos(angle(i, j, p.n_k)), sine = std::sin(angle(i, j, p.n_k));
    for (std::int64_t l = 0; l < width_of(p); ++l) {
      const double x = task.inputs.values().row(b, l / p.d_v, j)[l % p.d_v];
      even[static_cast<std::size_t>(l)] += cosine * x;
      odd[static_cast<std::size_t>(l)] += sine * x;
    }
  }
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const auto rows = static_cast<std::int64_t>(task.rows.size()), width = width_of(p);
  const double factor = factor_of(p, task.params);
  std::vector<double> cosine, sine;  // of a full turn in D steps
  for (std::int64_t l = 0; l < width; ++l) {
    cosine.push_back(std::cos(angle(1, l, width)));
    sine.push_back(std::sin(angle(1, l, width)));
  }
  task.parallel.for_each(p.batch * rows, [&](std::int64_t t, int) {
    const auto b = t / rows, r = t % rows;
    std::vector<double> even(static_cast<std::size_t>(width), 0.0), odd(even);
    exact_sums(task, b, task.rows[static_cast<std::size_t>(r)], even, odd);
    for (std::int64_t k = 0; k < width; ++k) {
      double sum = 0;
      for (std::int64_t l = 0; l < width; ++l) {
        const auto step = static_cast<std::size_t>(k * l % width), at = static_cast<std::size_t>(l);
        sum += even[at] * cosine[step] - odd[at] * sine[step];
      }
      task.out_row(b, k / p.d_v, r)[k % p.d_v] = factor * sum;
    }
  });
}

}  // namespace

ATTNBENCH_VARIANT(fourier) = {
    .name = "fourier",
    .summary = "Fourier transforms along channels and sequence in place of attention (FNet)",
    .paper = "Lee-Thorp et al. 2022, FNet: Mixing Tokens with Fourier Transforms, section 3.2",
    .equation = "Y = Re(F_n X F_D), F_n and F_D the discrete Fourier transforms along the sequence and the channels",
    .computes = Computes::own_definition,
    .time_label = "O(n D log(n D))",
    .memory_label = "O(n D)",
    .supports = kUnequalDims,
    .rates = {5e9, 0.2e9},
    .params = kParams,
    .unsupported = unsupported,
    .cost = cost,
    .workspace = workspace,
    .prepare = make_transforms,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
