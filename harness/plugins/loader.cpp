#include "harness/plugins/loader.h"

#include <dlfcn.h>
#include <elf.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>

#include "datasets/files.h"
#include "harness/plugins/abi.h"
#include "harness/plugins/crash_guard.h"
#include "harness/plugins/float_environment.h"
#include "harness/plugins/plain_text.h"
#include "harness/support/hash.h"
#include "variants/api/error.h"
#include "variants/api/spelling.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;
using Entry = const attnbench_plugin_table* (*)(const attnbench_host*);

constexpr std::uint64_t kMostVariants = 1000;  // beyond it a count is a stray number, not a count
constexpr std::uint64_t kMostParams = 100;
constexpr double kMostPerSecond = 1e15;

[[noreturn]] void refuse(const std::string& file, const std::string& what) { throw UserError("plugin " + file + ": " + what); }

// ---- The file ------------------------------------------------------------------------------------------------------------

const char* machine_name(std::uint16_t machine) {
  switch (machine) {
    case EM_X86_64: return "x86-64";
    case EM_386: return "32-bit x86";
    case EM_AARCH64: return "AArch64";
    case EM_ARM: return "32-bit ARM";
    case EM_RISCV: return "RISC-V";
    case EM_PPC64: return "POWER";
    case EM_S390: return "s390x";
  }
  return "another machine";
}

// The machine in a file's ELF header; nothing when it is no shared library of this word length and byte order.
std::optional<std::uint16_t> elf_machine(const std::string& file) {
  Elf64_Ehdr header{};
  std::ifstream stream(file, std::ios::binary);
  if (!stream.read(reinterpret_cast<char*>(&header), sizeof header)) return std::nullopt;
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
  return header.e_machine;
}

std::string checked_file(const std::string& file) {
  std::error_code error;
  const auto path = fs::canonical(file, error);
  if (error) refuse(file, "no such file; give the path of a shared library, such as ./libmine.so");
  if (!fs::is_regular_file(path, error)) refuse(file, "not a file; give the path of a shared library, such as ./libmine.so");
  const auto theirs = elf_machine(path.string()), ours = elf_machine("/proc/self/exe");
  if (!theirs) refuse(file, "not a shared library (no ELF header); build it with attnbench_add_plugin");
  if (theirs != ours)
    refuse(file, std::string("built for ") + machine_name(*theirs) + ", this attnbench for " + machine_name(ours.value_or(0)) +
                     "; rebuild it for this machine");
  return path.string();
}

// ---- The entry point -----------------------------------------------------------------------------------------------------

Entry find_entry(const std::string& file) {
  void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) refuse(file, std::string("cannot be loaded: ") + ::dlerror());
  void* entry = ::dlsym(library, ATTNBENCH_PLUGIN_ENTRY);
  if (entry == nullptr) refuse(file, "has no entry point " ATTNBENCH_PLUGIN_ENTRY "(); build it with attnbench_add_plugin");
  return reinterpret_cast<Entry>(entry);
}

const attnbench_plugin_table* call_entry(const std::string& file, const plugins::Host& host,
                                         std::atomic<std::uint32_t>& float_changes) {
  const plugins::CrashGuard crash(file, "while it was loaded");
  const plugins::FloatGuard floats(float_changes);
  const Entry entry = find_entry(file);
  const attnbench_plugin_table* table = nullptr;
  try {
    table = entry(host.table());
  } catch (const std::exception& error) {
    refuse(file, std::string("its entry point threw an exception: ") + plugins::plain_text(error.what()));
  } catch (...) {
    refuse(file, "its entry point threw something that is not a std::exception");
  }
  if (table == nullptr) refuse(file, host.failure().empty() ? "its entry point returned nothing" : host.failure());
  return table;
}

// ---- What it returned ----------------------------------------------------------------------------------------------------

void require_abi(const std::string& file, const attnbench_head& head, std::size_t least, const std::string& what) {
  if (head.abi_major != ATTNBENCH_ABI_MAJOR)
    refuse(file, what + " is of plugin ABI " + std::to_string(head.abi_major) + ", this attnbench has " +
                     std::to_string(ATTNBENCH_ABI_MAJOR) + "; rebuild it against this attnbench's plugin.h");
  if (head.size < least)
    refuse(file, what + " says it has " + std::to_string(head.size) + " bytes, ABI " + std::to_string(ATTNBENCH_ABI_MAJOR) +
                     ".0 has " + std::to_string(least) + "; set its head with ATTNBENCH_HEAD");
}

void require_plain(const std::string& file, const std::string& what, const char* text) {
  if (const char* fault = plugins::text_fault(text)) refuse(file, what + " " + fault + ": " + in_quotes(text));
}

void require_text(const std::string& file, const std::string& what, const char* text) {
  if (text == nullptr || *text == '\0') refuse(file, what + " is empty; every variant and parameter needs one");
  if (std::strchr(text, '\n')) refuse(file, what + " has more than one line");
  require_plain(file, what, text);
}

void check_param(const std::string& file, const std::string& variant, const attnbench_param_spec* given,
                 std::set<std::string>& names) {
  if (given == nullptr) refuse(file, variant + " has a null parameter");
  require_abi(file, given->head, sizeof *given, "a parameter of " + variant);
  require_text(file, "the name of a parameter of " + variant, given->name);
  if (given->choices) require_plain(file, "the choices of a parameter of " + variant, given->choices);
  const auto what = "parameter " + std::string(given->name) + " of " + variant;
  if (!is_identifier(given->name)) refuse(file, what + ": a name is lower-case letters, digits and _, and starts with a letter");
  if (!names.insert(given->name).second) refuse(file, what + " is declared twice");
  require_text(file, "the help of " + what, given->help);
  if (given->kind < ATTNBENCH_INTEGER || given->kind > ATTNBENCH_CHOICE)
    refuse(file, what + " is of the unknown kind " + std::to_string(given->kind));
  if (given->kind == ATTNBENCH_CHOICE) require_text(file, "the default of " + what, given->text);
  else if (!(given->min <= given->number && given->number <= given->max)) refuse(file, what + " has a default outside its range");
}

// Each kind of variant is judged by one reference and brings exactly what that needs.
void check_reference(const std::string& file, const std::string& what, const attnbench_variant& v) {
  if (v.computes > ATTNBENCH_OWN_DEFINITION) refuse(file, what + " computes the unknown kind " + std::to_string(v.computes));
  const bool own = v.computes == ATTNBENCH_APPROXIMATES_SOFTMAX || v.computes == ATTNBENCH_OWN_DEFINITION;
  const bool pattern = v.computes == ATTNBENCH_MASKED_SOFTMAX;
  const auto require = [&](bool present, bool wanted, const char* function) {
    if (present != wanted)
      refuse(file, what + (wanted ? " needs " : " must not have ") + function + ", as it says it computes " +
                       name_of(plugins::computes_of(v.computes)));
  };
  require(v.oracle != nullptr, own, "an oracle()");
  require(v.attends != nullptr, pattern, "a pattern attends()");
}

attnbench_variant checked_variant(const std::string& file, const attnbench_variant* given) {
  if (given == nullptr) refuse(file, "lists a null variant");
  require_abi(file, given->head, offsetof(attnbench_variant, equation), "a variant");  // as large as in ABI 1.0
  const auto v = plugins::read_struct(*given);
  require_text(file, "the name of a variant", v.name);
  const auto what = "variant " + std::string(v.name);
  if (!is_identifier(v.name)) refuse(file, what + ": a name is lower-case letters, digits and _, and starts with a letter");
  for (const auto& [field, text] : {std::pair{"family", v.family},
                                    {"summary", v.summary},
                                    {"paper", v.paper},
                                    {"time_label", v.time_label},
                                    {"memory_label", v.memory_label}})
    require_text(file, std::string(field) + " of " + what, text);
  if (v.unavailable) require_text(file, "unavailable of " + what, v.unavailable);
  if (v.equivalent_to) require_text(file, "equivalent_to of " + what, v.equivalent_to);
  for (const double rate : {v.multiply_adds_per_second, v.exps_per_second})
    if (!(rate >= 0 && rate <= kMostPerSecond))
      refuse(file, what + " gives a rate of " + std::to_string(rate) + " per second; 0 says nothing");
  if (v.equation) {
    std::string lines = v.equation;
    std::replace(lines.begin(), lines.end(), '\n', ' ');
    require_plain(file, "equation of " + what, lines.c_str());
  }
  if (v.run == nullptr) refuse(file, what + " has no run()");
  if (v.cost == nullptr) refuse(file, what + " has no cost()");
  check_reference(file, what, v);
  if (v.param_count > kMostParams || (v.param_count > 0 && v.params == nullptr))
    refuse(file, what + " says it has " + std::to_string(v.param_count) + " parameters, but their list is not there");
  std::set<std::string> names;
  for (std::uint64_t i = 0; i < v.param_count; ++i) check_param(file, what, v.params[i], names);
  return v;
}

}  // namespace

std::unique_ptr<const Plugin> open_plugin(const std::string& given) {
  auto plugin = std::make_unique<Plugin>();
  plugin->file = checked_file(given);
  const auto& file = plugin->file;
  plugin->hash = binary_id(file);
  const auto& host = plugins::make_host(fs::path(file).filename().string());
  std::atomic<std::uint32_t> float_changes{0};
  const auto* raw = call_entry(file, host, float_changes);
  plugin->float_changes = float_changes;
  require_abi(file, raw->head, sizeof *raw, "the plugin");
  const auto table = plugins::read_struct(*raw);
  require_text(file, "the plugin's name", table.name);
  require_text(file, "the plugin's version", table.version);
  plugin->name = table.name;
  plugin->version = table.version;
  if (table.variant_count == 0 || table.variant_count > kMostVariants || table.variants == nullptr)
    refuse(file, "lists no variants");
  std::vector<attnbench_variant> variants;
  for (std::uint64_t i = 0; i < table.variant_count; ++i) variants.push_back(checked_variant(file, table.variants[i]));
  for (const auto& variant : variants) plugin->adapters.push_back(std::make_unique<plugins::Adapter>(variant, host));
  return plugin;
}

}  // namespace attnbench
