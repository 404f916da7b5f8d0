#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "kconfig/fragment.h"
#include "kconfig/model.h"

namespace kiln::kconfig {

/// What an expression may be worth: n = 0, m = 1, y = 2. low < high when it hangs on a macro that only a
/// program could expand.
struct Truth {
  uint8_t low = 0;
  uint8_t high = 0;
  friend bool operator==(const Truth&, const Truth&) = default;
};
/// A value of a .config without its quotes and backslashes.
std::string Unquoted(std::string_view value);
/// 'n', 'm' or 'y'.
char Letter(uint8_t tristate);

/// Expressions of a model under a configuration (the final .config, in which conf(1) wrote every value), with
/// some symbols perhaps set differently.
class Evaluator {
 public:
  using Overlay = std::map<SymbolId, std::string>;
  Evaluator(const Model& model, const DotConfig& config, const Overlay* overlay = nullptr)
      : model_(model), config_(config), overlay_(overlay) {}

  /// kNone is y.
  Truth Of(ExprId expr) const;
  /// 0, 1 or 2; 0 for what is neither bool nor tristate.
  uint8_t Tristate(SymbolId symbol) const;
  /// As it is written in a .config, without quotes; "n" for a bool or tristate that is not set, else "".
  std::string Text(SymbolId symbol) const;
  /// The same of one side of a comparison or of a default: a symbol or a literal; a macro as it is written.
  std::string OperandText(const Expr& expr) const;
  /// The entry's `depends on` and those of all that it stands in.
  Truth Depends(EntryId entry) const;
  /// Whether a person can set it there: Depends(), its prompt's condition, `visible if` of its menus, and its
  /// choice being visible. n without a prompt. For a bool m counts as y.
  Truth VisibleAt(EntryId entry) const;
  /// The best of all definitions.
  Truth Visible(SymbolId symbol) const;
  /// At least so much because of `select`s (not imply).
  Truth Selected(SymbolId symbol) const;
  bool modules() const;

  const Model& model() const { return model_; }
  const DotConfig& config() const { return config_; }

 private:
  Truth Compare(const Expr& expr) const;
  const Model& model_;
  const DotConfig& config_;
  const Overlay* overlay_;
};

/// One condition that decides whether a definition can be set, and where it stands.
struct Condition {
  ExprId expr = kNone;
  std::string_view clause{};  ///< "depends on", "if", "visible if", "prompt if".
  Place place{};
  EntryId of = kNone;  ///< The entry that it belongs to: the symbol's own or a menu, if or choice around it.
};
/// Every condition on the visibility of an entry, innermost first. With `dependencies_only` those that hold
/// for its value too (no prompt conditions, no `visible if`).
std::vector<Condition> ConditionsOf(const Model& model, EntryId entry, bool dependencies_only = false);

}  // namespace kiln::kconfig
