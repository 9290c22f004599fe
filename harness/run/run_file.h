// Run file: run.json, what a run is: plan, variants, and its sessions, each start of the orchestrator with its environment, binary
// and machine. Decides whether another start may carry on what is stored.
#pragma once

#include <set>
#include <string>

#include "harness/run/orchestrator.h"
#include "harness/support/json_fwd.h"

namespace attnbench {

/// run.json of a run that starts now, with its first session, as harness/schema/run.schema.json describes it.
Json describe_run(const Plan& plan, const RunOptions& options);

/// run.json of `stored` with the session of `current`, a describe_run() of this start, added. Throws UserError when the plans or
/// the contents of a dataset differ, or the binary or the machine does and `allow_mixed` is not set: their times must not stand in
/// one file unnoticed.
Json continue_run(const Json& stored, const Json& current, const std::string& directory, bool allow_mixed);

/// Index of the session that is running: the last of `sessions`. Records carry it.
int current_session(const Json& run);

/// Indices of the sessions that ran another binary than the one that is running.
std::set<int> sessions_of_other_binaries(const Json& run);

/// Ends the running session with a status: "complete" or "interrupted".
void finish_session(Json& run, const char* status);

/// "binary 1f0c..., machine 9ab3... (AMD EPYC 7B13)": what a session ran with, for messages.
std::string session_text(const Json& session);

/// Name of a run: the last part of its directory's path.
std::string run_id_of(const std::string& directory);

}  // namespace attnbench
