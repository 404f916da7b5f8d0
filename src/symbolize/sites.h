#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crash/report.h"
#include "elf/unit_table.h"

namespace kiln::symbolize {

/// One place in a report's text that names code.
struct Site {
  size_t line = 0;       ///< Of the text, from 0.
  size_t column = 0;     ///< Byte within the line at which the name (or the bare address) begins.
  std::string symbol;    ///< As printed; empty for a bare address.
  std::string module;    ///< Empty for the kernel itself.
  std::string build_id;  ///< Of the module or the kernel, where it was printed.
  uint64_t offset = 0;
  uint64_t size = 0;                ///< 0 when not printed.
  std::optional<uint64_t> address;  ///< As printed, before the name or alone.
  bool is_pc = false;               ///< Where the CPU was, not where a call returns to.
  bool is_unreliable = false;
  bool has_source = false;  ///< The log has file and line already.
};

/// All of them, in order; what was inlined is none. Pure.
std::vector<Site> FindSites(std::string_view text);

/// What became of a site.
struct Decoded {
  std::string function;  ///< For a bare address: what is there, with `offset` and `size`.
  uint64_t offset = 0;
  uint64_t size = 0;
  std::vector<elf::SourceFrame> frames;  ///< Innermost first; empty when only the function is known.
};

/// The text with file and line behind each decoded function, and a line of its own before it for each
/// function inlined there, as "name file:line [inline]"; a form that crash reads. `decoded` is parallel to
/// `sites`.
std::string AnnotatedText(std::string_view text, const std::vector<Site>& sites,
                          const std::vector<std::optional<Decoded>>& decoded);

/// The same for the report's stacks, text and guilty file.
void Annotate(crash::Report& report, const std::vector<Site>& sites,
              const std::vector<std::optional<Decoded>>& decoded);

/// A source path as a person in the kernel's tree writes it: the longest of `bases` that it begins with taken
/// off,
/// "." and ".." resolved.
std::string TreePath(std::string_view path, const std::vector<std::string>& bases);

}  // namespace kiln::symbolize
