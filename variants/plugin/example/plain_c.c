/* Exact attention in C on the bare ABI of attnbench/plugin.h: two passes over the keys of each row, the second with the maximum
 * and the sum known, so that nothing but the output is stored. */
#include <math.h>
#include <stdint.h>

#include "attnbench/plugin.h"

static const float* row_of(const attnbench_tensor* t, int64_t b, int64_t h, int64_t i) {
  return (const float*)t->data + b * t->stride[0] + h * t->stride[1] + i * t->stride[2];
}

static float score(const attnbench_task* task, const float* q, int64_t b, int64_t kv, int64_t j) {
  const float* k = row_of(task->k, b, kv, j);
  float sum = 0;
  for (int64_t c = 0; c < task->problem->d_qk; ++c) sum += q[c] * k[c];
  return sum * (float)task->problem->scale;
}

/* Keys that row i sees: all, or those up to its position. */
static int64_t visible_keys(const attnbench_problem* p, int64_t i) {
  if (p->causal == ATTNBENCH_NOT_CAUSAL) return p->n_k;
  const int64_t position = p->causal == ATTNBENCH_TOP_LEFT ? i : i + p->n_k - p->n_q;
  return position < 0 ? 0 : position + 1 < p->n_k ? position + 1 : p->n_k;
}

static void attend_row(const attnbench_task* task, int64_t b, int64_t h, int64_t i) {
  const attnbench_problem* p = task->problem;
  const int64_t kv = h / (p->heads_q / p->heads_kv), keys = visible_keys(p, i);
  const float* q = row_of(task->q, b, h, i);
  float* out = (float*)row_of(task->output, b, h, i);
  float top = -INFINITY, total = 0;
  for (int64_t c = 0; c < p->d_v; ++c) out[c] = 0;
  for (int64_t j = 0; j < keys; ++j) top = fmaxf(top, score(task, q, b, kv, j));
  for (int64_t j = 0; j < keys; ++j) {
    const float weight = expf(score(task, q, b, kv, j) - top);
    const float* v = row_of(task->v, b, kv, j);
    for (int64_t c = 0; c < p->d_v; ++c) out[c] += weight * v[c];
    total += weight;
  }
  for (int64_t c = 0; c < p->d_v && keys > 0; ++c) out[c] /= total;
}

static void attend_rows(void* state, int64_t begin, int64_t end, int32_t slot) {
  const attnbench_task* task = state;
  const attnbench_problem* p = task->problem;
  (void)slot;
  for (int64_t t = begin; t < end; ++t) attend_row(task, t / (p->heads_q * p->n_q), t / p->n_q % p->heads_q, t % p->n_q);
}

static int32_t run(void* user, const attnbench_task* task) {
  const attnbench_problem* p = task->problem;
  (void)user;
  task->parallel_for(task, p->batch * p->heads_q * p->n_q, 16, attend_rows, (void*)task);
  return ATTNBENCH_OK;
}

static void cost(void* user, const attnbench_problem* p, const attnbench_params* params, attnbench_cost* cost) {
  double pairs = 0;
  (void)user, (void)params;
  for (int64_t i = 0; i < p->n_q; ++i) pairs += (double)visible_keys(p, i);
  pairs *= (double)(p->batch * p->heads_q);
  cost->pairs = pairs;
  cost->multiply_adds = pairs * (double)(2 * p->d_qk + p->d_v); /* each score twice */
  cost->exps = pairs;
  cost->bytes =
      4.0 * (double)p->batch * (double)(p->heads_q * p->n_q * (p->d_qk + p->d_v) + p->heads_kv * p->n_k * (p->d_qk + p->d_v));
}

const attnbench_plugin_table* attnbench_plugin(const attnbench_host* host) {
  static const attnbench_variant two_pass = {
      .head = ATTNBENCH_HEAD(attnbench_variant),
      .name = "two_pass",
      .family = "exact",
      .summary = "the maximum first, then weights and values: nothing stored, every score computed twice",
      .paper = "Milakov and Gimelshein 2018, Online normalizer calculation for softmax, section 2 (safe softmax)",
      .time_label = "O(n^2 d)",
      .memory_label = "O(1)",
      .computes = ATTNBENCH_EXACT_SOFTMAX,
      .supports = ATTNBENCH_FEATURE_GQA | ATTNBENCH_FEATURE_CROSS | ATTNBENCH_FEATURE_UNEQUAL_DIMS | ATTNBENCH_FEATURE_CAUSAL |
                  ATTNBENCH_FEATURE_SCALE,
      .laws = ATTNBENCH_LAW_ROW_STOCHASTIC | ATTNBENCH_LAW_KEY_PERMUTATION | ATTNBENCH_LAW_INDEPENDENT_HEADS |
              ATTNBENCH_LAW_SCORE_SHIFT | ATTNBENCH_LAW_WEIGHTS_READABLE,
      .cost = cost,
      .run = run,
  };
  static const attnbench_variant* const variants[] = {&two_pass};
  static const attnbench_plugin_table table = {ATTNBENCH_HEAD(attnbench_plugin_table), "example_c", "1.0", 1, variants};
  (void)host;
  return &table;
}
