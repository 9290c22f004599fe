"""What the numbers mean, in the words the page and the Markdown share."""

GLOSSARY = (
    ("time", "Median of process medians: each round is a fresh process, its samples are reduced to their median, "
     "and the median over rounds is shown. Wall time of one call; preparation is not in it and stands in a column of"
     " its own."),
    ("95 % interval", "Exact order-statistic interval of that median. It needs 6 rounds; with fewer none is printed."),
    ("time ~ n^", "Slope of log(median time) on log(n) by least squares; the interval is t(m−2) over the m sizes, "
     "not over repetitions. It is called an exponent only with at least 7 sizes over at least a factor 64; a * says "
     "that it is not. A † says that the curvature's interval excludes 0, or that sizes lie further from the line than "
     "the noise between processes explains: no single exponent describes the data, and the slope of the upper half of "
     "the sizes is given below the table. A ‡ says that the machine ran at another speed at some sizes: no exponent is "
     "claimed."),
    ("time n^ at the end", "Slope between the two largest sizes, beside that of the exact work over the same two: what "
     "a larger n would see. What the time grows by beyond its work is the machine's share."),
    ("vs ...", "time(baseline) / time(variant) on the same input and threads, paired by round, median over rounds. The "
     "baseline is named in the heading: the fastest exact variant, unless --baseline chose another."),
    ("variant", "The name with the values of its parameters, defaults included; a default of 0, which means none or "
     "chosen by the variant, is left out."),
    ("common n", "The largest sequence length that every variant of a setting reached. Times, memory and errors of "
     "variants are compared there; how far each one got stands in columns of its own."),
    ("computes", "exact: softmax attention of the problem. pattern: softmax over the pairs the variant's own mask "
     "keeps. approximation: an estimate of softmax attention. own definition: another function, not comparable by "
     "error."),
    ("useful GFLOP/s", "2 × the multiply-adds this variant needs for this problem under its mask, per second."),
    ("dense-equivalent GFLOP/s", "2 b h n_q n_k (d_qk + d_v) per second, whatever was really computed. A variant "
     "that skips work may exceed the machine's peak in this unit; it cannot in useful GFLOP/s."),
    ("of FMA peak", "Useful GFLOP/s over the single-precision multiply-add rate probed on the same threads right "
     "before and after the samples, the larger of the two. A case above it is marked above_ceiling: the measurement is "
     "wrong."),
    ("of bandwidth", "Bytes that must move (Q, K and V read, the output written) per second over the calibrated read "
     "bandwidth for a working set of that size."),
    ("extra memory", "Peak of the workspace during one call plus what the variant prepared before it; inputs and "
     "output are not counted."),
    ("implementation error", "Relative RMS distance from a float64 oracle of the same mathematics. It gates: a case"
     " that fails it is never timed."),
    ("approximation error", "Relative RMS distance from exact softmax attention on the same rows, in per cent: an "
     "output of all zeros has 100 %, so an error above that is worse than no output. It never gates. "
     "For a variant with a definition of its own it measures a difference, not a mistake."),
    ("outliers, switches, clock drift", "What disturbed the samples of a case: samples more than 3.5 robust standard "
     "deviations from the median of their process, involuntary context switches, and the largest change of the "
     "multiply-add rate over the samples of a round. Nothing is dropped because of them."),
    ("ended by", "What stopped the rounds of a case: all planned were done, the interval fell under 2 %, it stopped "
     "shrinking, or the time cap."),
    ("status", "ok: verified and measured. skipped: predicted not to fit or not to finish. unsupported: the variant"
     " does not do this problem. mismatch: wrong against its oracle. mistrusted: output mostly constant where the "
     "oracle's is not. misdeclared: memory, threads, clock or cost are not as declared. above_ceiling: a time shorter "
     "than this machine can take for the declared work. crashed, timeout, out_of_memory: what happened to the worker. "
     "unfinished: the run stopped before this case was timed."),
)  # fmt: skip
