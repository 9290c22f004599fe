# generate_registry(OUTPUT source.cpp...): writes the table of variants from the file names. variants/foo.cpp must define
# ATTNBENCH_VARIANT(foo); a file that does not is a link error that names attnbench::registered::foo.
function(generate_registry output)
  set(names)
  foreach(source IN LISTS ARGN)
    get_filename_component(name ${source} NAME_WE)
    list(APPEND names ${name})
  endforeach()
  list(SORT names)
  set(declarations "")
  set(entries "")
  foreach(name IN LISTS names)
    string(APPEND declarations "extern const Variant ${name};\n")
    string(APPEND entries "    &registered::${name},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT
"// Generated from the files in variants/; do not edit.
#include \"variants/api/registry.h\"

namespace attnbench {
namespace registered {
@declarations@}  // namespace registered

namespace {
constexpr const Variant* kVariants[] = {
@entries@};
}  // namespace

std::span<const Variant* const> builtin_variants() { return kVariants; }

const Variant* find_variant(std::string_view name) {
  for (const auto* variant : kVariants)
    if (name == variant->name) return variant;
  return nullptr;
}

}  // namespace attnbench
")
endfunction()
