/* The C ABI of attnbench plugins: attention variants that live outside the suite and are measured by it like its own.
 *
 * A plugin is a shared library that exports attnbench_plugin(). It gets the host's table and returns its own, which lists
 * variants: words about each (name, paper, what it computes), its parameters, and functions. C11 and C++; nothing of C++ crosses
 * the line: no exception, no RTTI, no standard library type. attnbench/plugin.hpp turns a C++ variant file into a plugin.
 *
 * Growth: every struct starts with attnbench_head, written by whoever made the struct. Minor versions add fields at the end only,
 * so a reader uses a field where ATTNBENCH_HAS() says the maker knew it; absent means null or 0. A host refuses another major.
 * Lists are arrays of pointers, so that their elements can grow too. Memory belongs to whoever made it. What a plugin's tables
 * point to lives as long as the process (plugins are never unloaded); what a host passes to a call lives as long as the call, but
 * for the problem and the parameters given to prepare(), which live until destroy().
 *
 * Threads: the host calls one function of a variant at a time; only attends() and the bodies of parallel_for() run side by side. */
#ifndef ATTNBENCH_PLUGIN_H
#define ATTNBENCH_PLUGIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ATTNBENCH_ABI_MAJOR 1u
#define ATTNBENCH_ABI_MINOR 4u

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Heads ------------------------------------------------------------------------------------------------------------- */

typedef struct attnbench_head {
  uint32_t abi_major; /* ATTNBENCH_ABI_MAJOR */
  uint32_t abi_minor; /* ATTNBENCH_ABI_MINOR */
  uint64_t size;      /* sizeof the struct that starts with this head, in bytes */
} attnbench_head;

/* Initialiser of the `head` of a struct of type TYPE: attnbench_cost c = {ATTNBENCH_HEAD(attnbench_cost), ...}; */
#define ATTNBENCH_HEAD(TYPE) \
  { ATTNBENCH_ABI_MAJOR, ATTNBENCH_ABI_MINOR, sizeof(TYPE) }
/* Whether the maker of *POINTER, a TYPE, knew FIELD. */
#define ATTNBENCH_HAS(TYPE, POINTER, FIELD) ((POINTER)->head.size >= offsetof(TYPE, FIELD) + sizeof((POINTER)->FIELD))

/* ---- Words that are numbers; int32_t or uint32_t where they are stored ---------------------------------------------------- */

/* What a function that can fail returns. Call task->fail() first to say why, in one line. */
enum {
  ATTNBENCH_OK = 0,
  ATTNBENCH_FAILED = 1,        /* recorded as crashed */
  ATTNBENCH_OUT_OF_MEMORY = 2, /* recorded as out_of_memory */
  ATTNBENCH_UNAVAILABLE = 3    /* a library or device is missing here: recorded as skipped */
};

/* dtype; u8 only holds boolean masks */
enum { ATTNBENCH_F32 = 0, ATTNBENCH_U8 = 1, ATTNBENCH_BF16 = 2, ATTNBENCH_F16 = 3, ATTNBENCH_F64 = 4 };
enum { ATTNBENCH_FORWARD = 0 };                                                          /* phase */
enum { ATTNBENCH_NOT_CAUSAL = 0, ATTNBENCH_TOP_LEFT = 1, ATTNBENCH_BOTTOM_RIGHT = 2 };   /* causal */
enum { ATTNBENCH_NO_MASK = 0, ATTNBENCH_BOOLEAN_MASK = 1, ATTNBENCH_ADDITIVE_MASK = 2 }; /* mask_kind */
enum { ATTNBENCH_INTEGER = 0, ATTNBENCH_REAL = 1, ATTNBENCH_CHOICE = 2 };                /* kind of a parameter */
enum { ATTNBENCH_INFO = 0, ATTNBENCH_WARNING = 1, ATTNBENCH_ERROR = 2 };                 /* level of log() */

/* computes: what the output means, and so what it is judged against */
enum {
  ATTNBENCH_EXACT_SOFTMAX = 0,        /* softmax(scale Q K^T + mask) V: the host's float64 oracle */
  ATTNBENCH_MASKED_SOFTMAX = 1,       /* the same under the variant's own pattern attends() */
  ATTNBENCH_APPROXIMATES_SOFTMAX = 2, /* judged by the variant's own oracle() */
  ATTNBENCH_OWN_DEFINITION = 3        /* another function altogether, judged by its own oracle() */
};

/* supports: problem features beyond the plain square problem (n_q = n_k, d_qk = d_v, one head count, default scale, no mask) */
enum {
  ATTNBENCH_FEATURE_GQA = 1 << 0,          /* heads_kv < heads_q */
  ATTNBENCH_FEATURE_CROSS = 1 << 1,        /* n_q != n_k */
  ATTNBENCH_FEATURE_UNEQUAL_DIMS = 1 << 2, /* d_qk != d_v */
  ATTNBENCH_FEATURE_CAUSAL = 1 << 3,       /* both alignments */
  ATTNBENCH_FEATURE_WINDOW = 1 << 4,
  ATTNBENCH_FEATURE_KEY_LENGTHS = 1 << 5,
  ATTNBENCH_FEATURE_BOOLEAN_MASK = 1 << 6,
  ATTNBENCH_FEATURE_ADDITIVE_MASK = 1 << 7,
  ATTNBENCH_FEATURE_SCALE = 1 << 8, /* an explicit scale */
  ATTNBENCH_FEATURE_SOFTCAP = 1 << 9,
  ATTNBENCH_FEATURE_BF16 = 1 << 10, /* Q, K, V and the output in another element type than f32 */
  ATTNBENCH_FEATURE_F16 = 1 << 11,
  ATTNBENCH_FEATURE_F64 = 1 << 12
};

/* fill: how a dataset makes an extra input that it does not hold itself. Z is an independent standard normal number for each
 * element; decays are natural logarithms, at most 0. */
enum {
  ATTNBENCH_FILL_DATASET = 0,     /* not at all: a file must hold it */
  ATTNBENCH_FILL_NORMAL = 1,      /* a + b Z */
  ATTNBENCH_FILL_SIGMOID = 2,     /* 1 / (1 + exp(-(a + Z))) */
  ATTNBENCH_FILL_LOG_SIGMOID = 3, /* log(sigmoid(a + Z)) / b */
  ATTNBENCH_FILL_SOFTPLUS = 4,    /* log(1 + exp(a + Z)) */
  ATTNBENCH_FILL_MAMBA_DECAY = 5, /* log-decays of a newly initialised Mamba-2 layer */
  ATTNBENCH_FILL_CONSTANT = 6,    /* a */
  ATTNBENCH_FILL_PER_HEAD = 7     /* one number per head, uniform in (a, b) */
};

/* laws the output obeys; `attnbench plugin check` tests each one claimed */
enum {
  ATTNBENCH_LAW_ROW_STOCHASTIC = 1 << 0,    /* V = 1 gives 1 on every row that sees a key */
  ATTNBENCH_LAW_KEY_PERMUTATION = 1 << 1,   /* permuting keys and values together changes nothing where no mask knows positions */
  ATTNBENCH_LAW_INDEPENDENT_HEADS = 1 << 2, /* a head's output depends on that head's inputs only */
  ATTNBENCH_LAW_SCORE_SHIFT = 1 << 3,       /* adding a constant to all scores changes nothing */
  ATTNBENCH_LAW_WEIGHTS_READABLE = 1 << 4,  /* linear in V: feeding V = I gives the weights applied */
  /* Since 1.4. Less than is asked of all others: the future may change the past, but by rounding errors only (FFT) */
  ATTNBENCH_LAW_CAUSAL_TO_ROUNDING = 1 << 5,
  ATTNBENCH_LAW_CONSTANT_ROW_SUM = 1 << 6, /* Since 1.4. V = 1 gives one and the same number on every row that sees a key */
  ATTNBENCH_LAW_SCALE_INVARIANCE = 1 << 7  /* Since 1.4. making a query or a key longer or shorter changes nothing */
};

/* ---- What the host passes ------------------------------------------------------------------------------------------------ */

/* Rows are contiguous: stride[3] is 1. A stride of 0 broadcasts. */
typedef struct attnbench_tensor {
  attnbench_head head;
  void* data;
  int32_t dtype;
  int32_t reserved;
  int64_t shape[4];  /* [batch, head, n, d] */
  int64_t stride[4]; /* in elements */
} attnbench_tensor;

typedef struct attnbench_problem {
  attnbench_head head;
  const char* text;  /* its canonical string, such as "b1 h8 n1024 d64 f32 causal"; for messages */
  uint32_t features; /* those it needs, as in `supports` */
  int32_t dtype;     /* of Q, K, V and the output */
  int32_t phase;
  int32_t causal; /* query row i stands at i (top-left) or i + n_k - n_q (else) and sees keys up to there */
  int64_t batch, heads_q, heads_kv, n_q, n_k, d_qk, d_v; /* query head h reads key/value head h / (heads_q / heads_kv) */
  int64_t window_left, window_right; /* a row at p sees keys in [p - left, p + right]; -1 is unbounded, both -1 no window */
  const int64_t* key_lengths;        /* null, or per batch entry the number of keys that exist */
  int32_t mask_kind;
  int32_t mask_per_batch, mask_per_head; /* whether the dense mask differs from one batch entry or head to the next */
  int32_t scale_is_explicit;
  double scale;   /* the one in force; 1/sqrt(d_qk) unless explicit */
  double softcap; /* c > 0: scores become c tanh(s/c), after the scale and before any mask; 0: none */
} attnbench_problem;

typedef struct attnbench_param_value {
  attnbench_head head;
  const char* name;
  int32_t kind;
  int32_t reserved;
  int64_t integer;  /* of an ATTNBENCH_INTEGER */
  double real;      /* of an ATTNBENCH_REAL */
  const char* text; /* of an ATTNBENCH_CHOICE */
} attnbench_param_value;

/* In the order in which the variant declares them, all of them. */
typedef struct attnbench_params {
  attnbench_head head;
  uint64_t count;
  const attnbench_param_value* const* values;
} attnbench_params;

/* body(state, begin, end, slot): slot is in [0, threads) and never in use twice at once; index per-thread scratch with it. */
typedef void (*attnbench_loop_body)(void* state, int64_t begin, int64_t end, int32_t slot);

/* Since 1.3. An extra input of a call: what the variant declared by extras(). Axes of 1 have stride 0, so that any index is right
 * there. */
typedef struct attnbench_named_tensor {
  attnbench_head head;
  const char* name;
  const attnbench_tensor* tensor;
} attnbench_named_tensor;

#define ATTNBENCH_MOST_EXTRAS 16

/* One call: what to compute, on what, and the host's services during it. q is [batch, heads_q, n_q, d_qk], k [batch, heads_kv,
 * n_k, d_qk], v [batch, heads_kv, n_k, d_v], mask (null without one) [batch, heads_q, n_q, n_k]: u8 with 1 = may attend, or f32
 * added after scale and softcap; output [batch, heads_q, n_q, d_v], of which every element must be written. A row that sees no
 * key is exactly 0; a key that a row may not see may hold NaN, which must not reach the row. Tensors are null in prepare() and
 * attends(), output in oracle() too. */
typedef struct attnbench_task {
  attnbench_head head;
  const attnbench_problem* problem;
  const attnbench_params* params;
  void* state;     /* what prepare() left; null without a prepare() and in it */
  uint64_t seed;   /* of weights and random patterns: the same seed must give the same ones */
  int32_t threads; /* exactly as many the variant may keep busy */
  int32_t reserved;
  const attnbench_tensor *q, *k, *v, *mask, *output;

  /* Scratch for this call, 64-byte aligned, uninitialised, gone when the call returns. Counted: the bytes, rounded up to whole
   * 64-byte lines, must sum up to what the variant's workspace() declares. Call it outside parallel_for(). In run() only. */
  void* (*allocate)(const struct attnbench_task* task, uint64_t bytes);
  /* Splits [0, count) into ranges of at most `grain` and calls body for each on up to `threads` of the host's threads; returns
   * when all are done. Ranges are cut at multiples of grain, whatever the threads. In run() and oracle(). */
  void (*parallel_for)(const struct attnbench_task* task, int64_t count, int64_t grain, attnbench_loop_body body, void* state);
  /* One line on why the function is about to return something else than ATTNBENCH_OK. Copied. */
  void (*fail)(const struct attnbench_task* task, const char* reason);
  void* host_data; /* the host's own */
  /* Since 1.3. The extra inputs, in the order declared; see attnbench_extra(). Null where the tensors are. */
  uint64_t extra_count;
  const attnbench_named_tensor* const* extras;
} attnbench_task;

/* The extra input of that name; null for a name that the variant did not declare, and of a host older than 1.3. */
static inline const attnbench_tensor* attnbench_extra(const attnbench_task* task, const char* name) {
  uint64_t i;
  if (!ATTNBENCH_HAS(attnbench_task, task, extras) || task->extras == NULL) return NULL;
  for (i = 0; i < task->extra_count; ++i)
    if (strcmp(task->extras[i]->name, name) == 0) return task->extras[i]->tensor;
  return NULL;
}

/* ---- What the plugin fills in ------------------------------------------------------------------------------------------- */

/* Exact work of one call. The host prepares head and zeros. */
typedef struct attnbench_cost {
  attnbench_head head;
  double multiply_adds; /* one multiply-add counts once */
  double exps;          /* exp and tanh evaluations */
  double bytes;         /* compulsory traffic: each input and output once, plus any matrix written and read again */
  double pairs;         /* (query, key) scores evaluated over all batch entries and query heads; 0 where there are none */
  /* Since 1.1, for libraries behind a variant; they make plans and predictions fit, and are part of no result. */
  double external_bytes; /* most memory beside inputs, output and allocate(): the library, what it allocates, its own process */
  double start_seconds;  /* before the first call: libraries loaded, processes started and ended */
  /* Since 1.4. Steps along the sequence that wait for one another: n for a recurrence, log2 n for an FFT; 0 counts as 1. */
  double depth;
} attnbench_cost;

/* A list the plugin adds lines to: reasons, or facts with a name. Strings are copied. */
typedef struct attnbench_lines {
  attnbench_head head;
  void (*add)(const struct attnbench_lines* lines, const char* name, const char* text); /* name may be null for a reason */
  void* host_data;
} attnbench_lines;

/* Since 1.3. An input beside q, k, v and the mask that a variant declares. */
typedef struct attnbench_input_spec {
  attnbench_head head;
  const char* name; /* lower-case letters, digits and _, starting with a letter; not q, k, v or mask */
  int64_t shape[4]; /* [batch, head, n, d], float32; an axis of 1 is broadcast */
  uint32_t fill;
  uint32_t reserved;
  double a, b;      /* of the fill */
  const char* help; /* one line */
} attnbench_input_spec;

/* A list the plugin adds specs to, at most ATTNBENCH_MOST_EXTRAS; they are copied. */
typedef struct attnbench_input_list {
  attnbench_head head;
  void (*add)(const struct attnbench_input_list* list, const attnbench_input_spec* spec);
  void* host_data;
} attnbench_input_list;

typedef struct attnbench_param_spec {
  attnbench_head head;
  const char* name;
  int32_t kind;
  int32_t reserved;
  double number;       /* default of an integer or real */
  double min, max;     /* its inclusive range */
  const char* text;    /* default of a choice */
  const char* choices; /* "a|b|c", or "" for any word */
  const char* help;
} attnbench_param_spec;

/* One variant. Functions get `user` as their first argument. Those marked * may be null; null strings are refused. */
typedef struct attnbench_variant {
  attnbench_head head;
  const char* name;         /* lower-case letters, digits and _, starting with a letter; new among all variants */
  const char* family;       /* exact, sparse, linear, ... */
  const char* summary;      /* one line */
  const char* paper;        /* authors, year, section; for a library its name and version */
  const char* time_label;   /* "O(n^2 d)" */
  const char* memory_label; /* extra memory, "O(n^2)" */
  uint32_t computes;
  uint32_t supports;
  uint32_t laws;
  uint32_t reserved;
  uint64_t param_count;
  const attnbench_param_spec* const* params;
  const char* unavailable; /* * one line: why no problem at all can run here (a library is missing); its cases are skipped */
  void* user;              /* * */

  /* * Adds a line for each further reason why this problem or these parameters cannot run. */
  void (*unsupported)(void* user, const attnbench_problem* problem, const attnbench_params* params, const attnbench_lines* reasons);
  void (*cost)(void* user, const attnbench_problem* problem, const attnbench_params* params, attnbench_cost* cost);
  /* * Bytes run() takes with allocate(): each request rounded up to whole 64-byte lines. Null: none. */
  uint64_t (*workspace)(void* user, const attnbench_problem* problem, const attnbench_params* params, int32_t threads);
  /* * Untimed set-up before run(), from shape, parameters, seed and threads only: weights, patterns, packed tables, another
   * process. Leaves its result in *state and its size in *bytes. destroy() ends it. */
  int32_t (*prepare)(void* user, const attnbench_task* task, void** state, uint64_t* bytes);
  void (*destroy)(void* user, void* state); /* * */
  /* The timed function: no heap allocation, no thread of its own beyond task->threads. */
  int32_t (*run)(void* user, const attnbench_task* task);
  /* * Makes `count` calls of run() and times them itself, for implementations in another process or language whose way there is
   * not theirs to answer for. *seconds is the wall time of all `count` calls. The host then uses no stopwatch of its own around
   * them, and the record says so. The output of the last call must be in task->output. Scratch is taken
   * once for all of them. */
  int32_t (*time_calls)(void* user, const attnbench_task* task, int64_t count, double* seconds);
  /* * Facts about what ran, asked after run(), for the record: "library" (name and version), "kernel", "threads" (how their
   * number was set), "call_overhead_s", or any other name. */
  void (*implementation)(void* user, const attnbench_task* task, const attnbench_lines* facts);
  /* * Float64 reference of the query rows `rows` (ascending) of every batch entry and head: out is [batch][heads_q][count][d_v],
   * to be written whole. It shares no code with run(). Required of approximates_softmax and own_definition, refused of others. */
  int32_t (*oracle)(void* user, const attnbench_task* task, const int64_t* rows, uint64_t count, double* out);
  /* * Whether query row i may attend to key j under the variant's own pattern; the problem's masks come on top. Required of
   * masked_softmax, refused of others. */
  int32_t (*attends)(void* user, const attnbench_task* task, int64_t b, int64_t h, int64_t i, int64_t j);
  /* Since 1.2. * What it computes, in the paper's letters; lines split by '\n'. */
  const char* equation;
  /* Since 1.3. * Adds a spec for each input beside q, k, v and the mask: gates, betas, sinks. */
  void (*extras)(void* user, const attnbench_problem* problem, const attnbench_params* params, const attnbench_input_list* inputs);
  uint32_t needs; /* features that a problem must have, as in `supports`, which lists them too */
  uint32_t reserved_needs;
  /* Since 1.4. What one core sustains in run(), per second: a hint for predictions before anything was measured. 0: plain loops
   * are assumed. */
  double multiply_adds_per_second, exps_per_second;
  /* Since 1.4. * The variant whose definition this one shares, where that is not plain attention: what it is compared with head to
   * head. */
  const char* equivalent_to;
} attnbench_variant;

/* ---- The two tables ------------------------------------------------------------------------------------------------------ */

typedef struct attnbench_host {
  attnbench_head head;
  const char* version; /* of attnbench, "0.1.0" */
  /* A line on the host's log, with the plugin's name before it. Any thread. */
  void (*log)(const struct attnbench_host* host, int32_t level, const char* line);
  /* Why attnbench_plugin() is about to return null. Copied. */
  void (*fail)(const struct attnbench_host* host, const char* reason);
  /* Memory that outlives a call (state, packed weights): 64-byte aligned, uninitialised, counted as the variant's prepared bytes
   * on top of what prepare() reports. Null when there is none. Not in run(). */
  void* (*allocate)(const struct attnbench_host* host, uint64_t bytes);
  void (*release)(const struct attnbench_host* host, void* memory); /* null is ignored */
  void* host_data;
} attnbench_host;

typedef struct attnbench_plugin_table {
  attnbench_head head;
  const char* name;    /* of the plugin */
  const char* version; /* its own */
  uint64_t variant_count;
  const attnbench_variant* const* variants;
} attnbench_plugin_table;

#define ATTNBENCH_PLUGIN_EXPORT __attribute__((visibility("default")))

/* The one symbol a plugin exports. `host` lives as long as the process. Null: see host->fail(). */
ATTNBENCH_PLUGIN_EXPORT const attnbench_plugin_table* attnbench_plugin(const attnbench_host* host);
#define ATTNBENCH_PLUGIN_ENTRY "attnbench_plugin"

#ifdef __cplusplus
}
#endif

#endif
