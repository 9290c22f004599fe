// Every block size of the kernels in one table: what fits the registers, one row per kind of instruction set, and what fits the
// caches. A new instruction set is a new row; a size is changed here and nowhere else.
//
// Register tiles are sized so that accumulators + operands + one broadcast use all registers but a few, and so that the loads of a
// step keep two load ports no busier than its multiply-adds keep two multiply-add ports. Each kernel derives its own budget at its
// head; what the cache blocks were measured against stands beside them.
#pragma once

#include <cstdint>

namespace attnbench::kernels {

/// Sizes that depend on how many vector registers a target has. "Vectors" are whole vectors of floats.
struct RegisterBlocking {
  struct Tile {
    int rows, vectors;
  };
  int registers;
  Tile softmax;        // keys x vectors of queries, of scores and of weighted values (softmax/micro_kernels-inl.h)
  int decode_rows;     // query rows that share the scores of 4 keys (softmax/decode_kernels-inl.h)
  int decode_vectors;  // of a value row, against 2 query rows
  Tile linear;         // features or rows x vectors of d_v (linear/linear_attention.cpp)
};

constexpr RegisterBlocking k32Registers{// AVX-512, AArch64
                                        .registers = 32,
                                        .softmax = {8, 3},
                                        .decode_rows = 4,
                                        .decode_vectors = 8,
                                        .linear = {6, 4}};
constexpr RegisterBlocking k16Registers{// AVX2, SSE4 and the baselines
                                        .registers = 16,
                                        .softmax = {6, 2},
                                        .decode_rows = 2,
                                        .decode_vectors = 4,
                                        .linear = {6, 2}};

/// Panels of `panel_lanes` queries that one task of the tile engine holds: 192 queries with AVX-512, 128 with AVX2.
constexpr int query_panels(int panel_lanes) { return panel_lanes >= 48 ? 4 : 8; }

// ---- Caches and threads: the same on every instruction set, so that results do not depend on them ----

// Scores S^T of one tile (96 keys x 48 queries: 18 KB) beside the keys and values it reads have to live in L1 and L2.
constexpr std::int64_t kKeyBlock = 96;
constexpr std::int64_t kMaxKeyBlock = 512;  // that a caller of the tile engine may ask for

// Keys whose weighted values are summed before they join the output of a decoding step, which keeps rounding errors from growing
// with the number of keys; tiles and splits are multiples of it.
constexpr std::int64_t kDecodeBlock = 256;

// Few query rows: from this many keys on, the keys are split over tasks whose results are merged.
constexpr std::int64_t kKeysPerSplit = 1024;

constexpr std::int64_t kMaxLinearPanel = 64;  // keys or rows of a panel of linear attention, which stays in L1
constexpr std::int64_t kMaxPositions = 16;    // of the causal recurrence in one call

constexpr std::int64_t kValueChunk = 512;  // keys per BLAS product: OpenBLAS itself cuts the inner dimension at 256 to 448

// Below this many multiply-adds (some 20 us on one AVX-512 core) waking a second thread costs more than it saves.
constexpr double kSerialWork = 1 << 20;

}  // namespace attnbench::kernels
