// The contract as test cases, two for each variant; CMake generates them from the files in variants/ (contract_cases.cpp).
#pragma once

/// Every check of harness/contract/check.h on the best instruction set.
void hold_to_contract(const char* variant);
/// Those against the oracle on the other instruction sets.
void hold_to_oracle_on_other_isas(const char* variant);
