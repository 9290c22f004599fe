// exp, log, sin and cos that give the same bits on every machine.
//
// The C library picks instruction-set variants of these at run time, and they differ in the last bit; data made with them would
// depend on the CPU. Here only + - * / and bit patterns are used, which IEEE 754 fixes exactly (the build turns contraction into
// fused multiply-adds off). Relative error is below 4 units in the last place, which the tests check.
#pragma once

namespace attnbench {

/// Natural logarithm of a positive, finite, normal x.
double portable_log(double x);
/// e^x for |x| <= 700.
double portable_exp(double x);
/// base^exponent for a positive base.
double portable_pow(double base, double exponent);

struct SinCos {
  double sin, cos;
};
/// Sine and cosine of an angle in radians, |angle| <= 2^20.
SinCos portable_sincos(double angle);

}  // namespace attnbench
