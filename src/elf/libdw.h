#pragma once

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <gelf.h>

#include "base/result.h"

/// The functions of elfutils that kiln calls, each once.
#define KILN_LIBDW_FUNCTIONS(X)   \
  X(dwarf_attr)                   \
  X(dwarf_attr_integrate)         \
  X(dwarf_child)                  \
  X(dwarf_cuoffset)               \
  X(dwarf_dieoffset)              \
  X(dwarf_diename)                \
  X(dwarf_errmsg)                 \
  X(dwarf_filesrc)                \
  X(dwarf_formref_die)            \
  X(dwarf_formstring)             \
  X(dwarf_formudata)              \
  X(dwarf_get_units)              \
  X(dwarf_getsrcfiles)            \
  X(dwarf_getsrclines)            \
  X(dwarf_lineaddr)               \
  X(dwarf_lineendsequence)        \
  X(dwarf_lineno)                 \
  X(dwarf_linesrc)                \
  X(dwarf_offdie)                 \
  X(dwarf_onesrcline)             \
  X(dwarf_ranges)                 \
  X(dwarf_siblingof)              \
  X(dwarf_tag)                    \
  X(dwelf_elf_gnu_debuglink)      \
  X(dwfl_begin)                   \
  X(dwfl_end)                     \
  X(dwfl_errmsg)                  \
  X(dwfl_module_build_id)         \
  X(dwfl_module_getdwarf)         \
  X(dwfl_module_getelf)           \
  X(dwfl_module_getsym_info)      \
  X(dwfl_module_getsymtab)        \
  X(dwfl_offline_section_address) \
  X(dwfl_report_end)              \
  X(dwfl_report_offline)          \
  X(elf_getscn)                   \
  X(elf_getshdrstrndx)            \
  X(elf_nextscn)                  \
  X(elf_strptr)                   \
  X(elf_version)                  \
  X(gelf_getehdr)                 \
  X(gelf_getshdr)

namespace kiln::elf::detail {

/// elfutils, loaded when the first symbol is looked for and not before. Members have its own names and types.
struct LibDw {
// NOLINTNEXTLINE(bugprone-macro-parentheses): it names the member, too.
#define KILN_MEMBER(function) decltype(&::function) function = nullptr;
  KILN_LIBDW_FUNCTIONS(KILN_MEMBER)
#undef KILN_MEMBER
};

/// Loads the library, which then stays for the life of the process; again is cheap. Errors: kNotFound (it is
/// not installed or cannot be loaded), kUnsupported (it lacks a function).
Result<LibDw> LoadLibDw();

}  // namespace kiln::elf::detail
