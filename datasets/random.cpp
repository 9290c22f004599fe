#include "datasets/random.h"

#include <algorithm>
#include <cmath>

#include "datasets/portable_math.h"

namespace attnbench {
namespace {

template <std::size_t N>
double polynomial(const double (&coefficients)[N], double x) {
  double sum = coefficients[N - 1];
  for (std::size_t i = N - 1; i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

// Wichura 1988, PPND16: |p - 1/2| <= 0.425; then r = sqrt(-log(min(p, 1 - p))) <= 5; then beyond.
constexpr double kA[] = {3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3, 1.3731693765509461125e+4,
                         4.5921953931549871457e+4, 6.7265770927008700853e+4, 3.3430575583588128105e+4, 2.5090809287301226727e+3};
constexpr double kB[] = {1.0,
                         4.2313330701600911252e+1,
                         6.8718700749205790830e+2,
                         5.3941960214247511077e+3,
                         2.1213794301586595867e+4,
                         3.9307895800092710610e+4,
                         2.8729085735721942674e+4,
                         5.2264952788528545610e+3};
constexpr double kC[] = {1.42343711074968357734e0, 4.63033784615654529590e0,  5.76949722146069140550e0,  3.64784832476320460504e0,
                         1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4};
constexpr double kD[] = {1.0,
                         2.05319162663775882187e0,
                         1.67638483018380384940e0,
                         6.89767334985100004550e-1,
                         1.48103976427480074590e-1,
                         1.51986665636164571966e-2,
                         5.47593808499534494600e-4,
                         1.05075007164441684324e-9};
constexpr double kE[] = {6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
                         2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                         2.71155556874348757815e-5, 2.01033439929228813265e-7};
constexpr double kF[] = {1.0,
                         5.99832206555887937690e-1,
                         1.36929880922735805310e-1,
                         1.48753612908506148525e-2,
                         7.86869131145613259100e-4,
                         1.84631831751005468180e-5,
                         1.42151175831644588870e-7,
                         2.04426310338993978564e-15};

// The centre of one of 2^32 equal cells of (0, 1).
double unit_interval(std::uint32_t bits) { return (bits + 0.5) * 0x1p-32; }

}  // namespace

Philox4 philox(Philox4 counter, std::array<std::uint32_t, 2> key) {
  constexpr std::uint64_t kMultiplier0 = 0xd2511f53, kMultiplier1 = 0xcd9e8d57;
  constexpr std::uint32_t kWeyl0 = 0x9e3779b9, kWeyl1 = 0xbb67ae85;  // golden ratio and sqrt(3) - 1
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = kMultiplier0 * counter[0], product1 = kMultiplier1 * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

double normal_quantile(double p) {
  const double q = p - 0.5;
  if (q >= -0.425 && q <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(kA, r) / polynomial(kB, r);
  }
  const double r = std::sqrt(-portable_log(q < 0 ? p : 1 - p));
  const double tail = r <= 5 ? polynomial(kC, r - 1.6) / polynomial(kD, r - 1.6) : polynomial(kE, r - 5) / polynomial(kF, r - 5);
  return q < 0 ? -tail : tail;
}

std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash) {
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  return hash;
}

RandomStream::RandomStream(std::uint64_t seed, std::string_view purpose) {
  const std::uint64_t name = fnv1a(purpose);
  const auto mixed = philox({static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32), 0, 0},
                            {static_cast<std::uint32_t>(name), static_cast<std::uint32_t>(name >> 32)});
  key_ = {mixed[0], mixed[1]};
}

Philox4 RandomStream::block(const Place& at, std::int64_t index) const {
  return philox({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(at.position), static_cast<std::uint32_t>(at.head),
                 static_cast<std::uint32_t>(at.batch)},
                key_);
}

template <class Use>
void RandomStream::for_each_word(const Place& at, std::int64_t count, Use use) const {
  for (std::int64_t begin = 0; begin < count; begin += 4) {
    const auto bits = block(at, begin / 4);
    for (std::int64_t c = begin; c < std::min(begin + 4, count); ++c) use(c, bits[static_cast<std::size_t>(c - begin)]);
  }
}

double RandomStream::uniform(const Place& at, std::int64_t channel) const {
  return unit_interval(block(at, channel / 4)[static_cast<std::size_t>(channel % 4)]);
}

void RandomStream::uniforms(const Place& at, double* to, std::int64_t count) const {
  for_each_word(at, count, [&](std::int64_t c, std::uint32_t bits) { to[c] = unit_interval(bits); });
}

void RandomStream::normals(const Place& at, float* to, std::int64_t count) const {
  for_each_word(at, count,
                [&](std::int64_t c, std::uint32_t bits) { to[c] = static_cast<float>(normal_quantile(unit_interval(bits))); });
}

}  // namespace attnbench
