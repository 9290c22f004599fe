// Which Highway targets the kernels are built for. Include before any hwy header, in every file of this folder that uses one.
//
// One copy of the code per target that can differ for float32: AVX3 (AVX-512), AVX2, SSE4, NEON, and the portable EMU128 or
// SSE2. Left out: newer AVX-512 levels and SSSE3, whose float instructions add nothing here, and the scalable vectors of SVE and
// RVV, which cannot sit in the arrays that the register tiles are written with (such machines run NEON or EMU128).
#pragma once

// Bit values of hwy/detect_targets.h, spelt as numbers because its names differ between Highway 1.0.3 and later versions.
#define ATTNBENCH_HWY_X86_LEVELS ((1LL << 4) | (1LL << 5) | (1LL << 6) | (1LL << 7) | (1LL << 12))
#define ATTNBENCH_HWY_SVE ((1LL << 23) | (1LL << 24) | (1LL << 25) | (1LL << 26) | (1LL << 27))
#define ATTNBENCH_HWY_RVV (1LL << 37)
#if defined(__x86_64__) || defined(__i386__)
#define HWY_DISABLED_TARGETS ATTNBENCH_HWY_X86_LEVELS
#else
#define HWY_DISABLED_TARGETS (ATTNBENCH_HWY_SVE | ATTNBENCH_HWY_RVV)
#endif
