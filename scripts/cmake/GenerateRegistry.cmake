# generate_registry(OUTPUT source.cpp...): writes the table of variants from the names of the files and their folders.
# variants/exact/foo.cpp must define ATTNBENCH_VARIANT(foo), which then is of the family `exact`; a file that does not is a link error
# that names attnbench::registered::foo.
function(generate_registry output)
  set(names)
  foreach(source IN LISTS ARGN)
    get_filename_component(name ${source} NAME_WE)
    get_filename_component(family ${source} DIRECTORY)
    get_filename_component(family ${family} NAME)
    if(name IN_LIST names)
      message(FATAL_ERROR "two files in variants/ are called ${name}.cpp; a variant's name is its file's, whatever its family")
    endif()
    list(APPEND names ${name})
    set(family_of_${name} ${family})
  endforeach()
  list(SORT names)
  set(declarations "")
  set(entries "")
  foreach(name IN LISTS names)
    string(APPEND declarations "extern const Variant ${name};\n")
    string(APPEND entries "    of_family(registered::${name}, \"${family_of_${name}}\"),\n")
  endforeach()
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT
"// Generated from the files in variants/; do not edit.
#include \"variants/api/registry.h\"

#include <vector>

namespace attnbench {
namespace registered {
@declarations@}  // namespace registered

namespace {

Variant of_family(Variant variant, const char* family) {
  variant.family = family;
  return variant;
}

}  // namespace

std::span<const Variant* const> builtin_variants() {
  static const Variant variants[] = {
@entries@  };
  static const auto pointers = [] {
    std::vector<const Variant*> all;
    for (const auto& variant : variants) all.push_back(&variant);
    return all;
  }();
  return pointers;
}

const Variant* find_variant(std::string_view name) {
  for (const auto* variant : builtin_variants())
    if (name == variant->name) return variant;
  return nullptr;
}

}  // namespace attnbench
")
endfunction()
