// A resolved plan for people and as JSON.
#pragma once

#include <string>

#include "harness/commands/table_view.h"
#include "harness/support/json_fwd.h"

namespace attnbench {

enum class CaseStatus;
struct Plan;

/// Every case with its predicted time and memory, the skips with their reasons, and totals. A view arranges the cases that would
/// run; the skips are left out then.
std::string plan_text(const Plan& plan, const TableView& view = {});

Json plan_json(const Plan& plan);

/// What the user should know about the files that the plan reads, a line each for standard error; "" mostly.
std::string notes_text(const Plan& plan);

const char* name_of(CaseStatus status);

}  // namespace attnbench
