// Probes: small cases timed before a run, so that what it predicts stands on this machine and not on built-in rates alone.
#pragma once

namespace attnbench {

class FittedModel;
struct Plan;

/// A plan of the probes that are worth their time: for each variant and thread count the run has not measured, a length whose call
/// should take some milliseconds, and a quarter of it, on the shape of the plan's largest case. Empty when the run is short beside
/// its probes.
Plan probe_plan(const Plan& plan, const FittedModel& model);

}  // namespace attnbench
