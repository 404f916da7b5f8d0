#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kconfig/evaluate.h"
#include "kconfig/model.h"

namespace kiln::kconfig {

/// One part of a condition that is not met.
struct Blocker {
  std::string condition;  ///< "NET && !EMBEDDED", "$(cc-option,-fx)".
  std::string now;        ///< "NET=n, EMBEDDED=y".
  std::string clause;     ///< "depends on", "if", "menu depends on", "visible if", "prompt if".
  std::string where;      ///< "net/Kconfig:12".
};

/// Why a symbol can't be set to `wanted` (0 n, 1 m, 2 y): the smallest parts of the conditions of its
/// definitions that fail. Pure; the evaluator must outlive it.
class Blockage {
 public:
  Blockage(const Evaluator& evaluator, uint8_t wanted) : evaluator_(evaluator), wanted_(wanted) {}
  /// Adds those of one definition.
  void AddEntry(EntryId id);
  std::vector<Blocker> blockers;   ///< Certainly not met.
  std::vector<Blocker> uncertain;  ///< Only a program could tell.

 private:
  void AddPart(const Condition& condition, ExprId id);

  const Evaluator& evaluator_;
  uint8_t wanted_;
};

/// "NET [NET=n] and (A || B) [A=n, B=n]".
std::string NeedsText(const std::vector<Blocker>& blockers);

/// The first few words: "A, B and 3 more".
std::string ListedText(const std::vector<std::string>& words);

/// The symbols in an expression with their values: "NET=n, EMBEDDED=y".
std::string Values(const Evaluator& evaluator, ExprId expr);

}  // namespace kiln::kconfig
