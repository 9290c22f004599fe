// Which Highway targets the kernels are built for. Include before any hwy header, in every file that uses one.
//
// One copy of the code per target that can differ for float32: AVX3 (AVX-512), AVX2 and SSE4 on x86-64, NEON on arm64, and the
// baseline for a machine that has none of these: SSE2, NEON_WITHOUT_AES, or portable code (EMU128, or SCALAR where the compiler
// miscompiles EMU128). Which baseline a build has depends on its versions of Highway and of the compiler; docs/architecture.md
// says which targets were seen running, and where.
//
// Left out: newer AVX-512 levels, SSSE3 and NEON_BF16, whose float32 instructions add nothing here, and the scalable vectors of SVE
// and RVV, which cannot be elements of the arrays that hold a register tile (such machines run NEON or the baseline).
#pragma once

// Bit values of hwy/detect_targets.h, as numbers because names and values differ between Highway 1.0.3 and later versions.
#define ATTNBENCH_HWY_X86_LEVELS ((1LL << 4) | (1LL << 5) | (1LL << 6) | (1LL << 7) | (1LL << 12))
// For Arm bits 15 to 27, all that Highway ranks above NEON, which is bit 28.
#define ATTNBENCH_HWY_ARM_LEVELS ((1LL << 28) - (1LL << 15))
#define ATTNBENCH_HWY_RVV (1LL << 37)
#if defined(__x86_64__) || defined(__i386__)
#define HWY_DISABLED_TARGETS ATTNBENCH_HWY_X86_LEVELS
#else
#define HWY_DISABLED_TARGETS (ATTNBENCH_HWY_ARM_LEVELS | ATTNBENCH_HWY_RVV)
#endif
