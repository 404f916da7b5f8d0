#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "kconfig/files.h"

namespace kiln::kconfig {

using SymbolId = uint32_t;
using ExprId = uint32_t;
using EntryId = uint32_t;
inline constexpr uint32_t kNone = UINT32_MAX;

enum class Type { kUnknown, kBool, kTristate, kInt, kHex, kString };
/// "bool", "tristate" …
std::string_view Name(Type type);

/// A node of an expression; its children are in Model::exprs too.
struct Expr {
  enum class Op {
    kSymbol,  ///< left: SymbolId
    kText,    ///< left: Model::texts; a literal: "y", 64, "quoted"
    kMacro,   ///< left: Model::texts; "$(cc-option,-fx)" as written: only running a program could tell its
              ///< value
    kNot,     ///< left
    kAnd,     ///< left, right; and so on
    kOr,
    kEqual,
    kUnequal,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
  };
  Op op = Op::kText;
  uint32_t left = kNone;
  uint32_t right = kNone;
};

/// A line of a Kconfig file.
struct Place {
  uint32_t file = 0;  ///< Model::files.
  uint32_t line = 0;  ///< From 1.
};

/// `default VALUE if CONDITION`; an absent condition is kNone.
struct Default {
  ExprId value = kNone;
  ExprId condition = kNone;
  uint32_t line = 0;
};
/// `select TARGET if CONDITION`, or imply.
struct Select {
  SymbolId target = kNone;
  ExprId condition = kNone;
  bool imply = false;
  uint32_t line = 0;
};
struct Range {
  ExprId low = kNone;
  ExprId high = kNone;
  ExprId condition = kNone;
};

/// One block of a Kconfig file: a menu, an if, a choice, or one definition of a symbol (it may have several).
struct Entry {
  enum class Kind { kRoot, kMenu, kIf, kChoice, kConfig, kComment };
  Kind kind = Kind::kConfig;
  EntryId parent = kNone;   ///< The menu, if or choice that it stands in.
  SymbolId symbol = kNone;  ///< Of kConfig.
  Type type = Type::kUnknown;
  bool is_menu = false;   ///< A `menuconfig`: what follows and depends on its symbol stands below it.
  bool optional = false;  ///< Of kChoice: none need be chosen.
  bool has_prompt = false;
  std::string_view prompt{};
  ExprId prompt_condition = kNone;
  ExprId depends = kNone;  ///< Its own `depends on`, all of them; of kIf its condition.
  ExprId visible = kNone;  ///< `visible if` of a menu.
  Place place{};
  uint32_t depends_line = 0;  ///< Of the first `depends on`.
  std::vector<Default> defaults{};
  std::vector<Select> selects{};
  std::vector<Range> ranges{};
  std::string_view help{};  ///< Raw, indented as in the file.
};

struct Symbol {
  std::string_view name;
  Type type = Type::kUnknown;  ///< kUnknown: named in an expression, but nowhere defined.
  std::vector<EntryId> entries{};
  /// Who selects or implies it: {entry, index in its selects}.
  std::vector<std::pair<EntryId, uint32_t>> selected_by{};
  bool defined() const { return !entries.empty(); }
};

/// Something in the Kconfig files that could not be read; the reader went on after it.
struct ReadProblem {
  std::string where;  ///< "drivers/net/Kconfig:12"
  std::string message;
};

/// All of a tree's Kconfig files for one architecture. Owns the texts that its views look into.
struct Model {
  std::vector<std::unique_ptr<const std::string>> sources{};
  std::vector<std::string> files{};  ///< Relative to the tree.
  std::vector<std::string> texts{};
  std::vector<Expr> exprs{};
  std::vector<Entry> entries{};  ///< 0 is the root.
  std::vector<Symbol> symbols{};
  std::unordered_map<std::string_view, SymbolId> by_name{};
  SymbolId modules = kNone;  ///< The symbol with the attribute `modules`.
  std::vector<ReadProblem> problems{};

  /// kNone when nothing defines or mentions it. `name` may come with "CONFIG_".
  SymbolId Find(std::string_view name) const;
  const Symbol& symbol(SymbolId id) const { return symbols[id]; }
  const Entry& entry(EntryId id) const { return entries[id]; }
  /// "drivers/net/Kconfig:12"
  std::string Where(Place place) const;
  std::string Where(uint32_t file, uint32_t line) const { return Where(Place{file, line}); }
  /// As a person writes it: "NET && (PCI || !MMIO)".
  std::string Text(ExprId expr) const;
  /// The choice that a definition stands in; kNone when it is no member of one.
  EntryId ChoiceOf(EntryId entry) const;
  /// The symbols of a choice, in order.
  std::vector<SymbolId> Members(EntryId choice) const;
  /// The nearest menus' prompts, outermost first, those of `menuconfig` too: "Device Drivers > USB support".
  std::string MenuPath(EntryId entry) const;
  /// The `menuconfig` below which a menu program shows the entry; kNone when there is none.
  EntryId MenuConfigOf(EntryId entry) const;
  /// Whether the expression can't be more than n while `symbol` is n.
  bool Needs(ExprId expr, SymbolId symbol) const;
};

/// What the tree's Makefile hands to its Kconfig files by the environment.
struct ReadOptions {
  std::string tree;                                             ///< The source tree.
  std::string arch = "x86";                                     ///< ARCH: "x86", "arm64", "riscv" …
  std::string srcarch = "x86";                                  ///< SRCARCH: the folder below arch/.
  std::map<std::string, std::string, std::less<>> variables{};  ///< More of it: KERNELVERSION …
  std::string top = "Kconfig";
};

/// Reads a tree's Kconfig files. Never runs a program: "$(shell …)" and what is made from it stay kMacro.
/// Bounded in files, bytes, nesting and macro expansion. What it does not understand is a problem of the
/// model; an Error is only a top file that cannot be read (kNotFound …) or a bound that was passed
/// (kCorrupt). Source of the language: Documentation/kbuild/kconfig-language.rst and
/// kconfig-macro-language.rst.
Result<Model> ReadModel(const Files& files, const ReadOptions& options);

}  // namespace kiln::kconfig
