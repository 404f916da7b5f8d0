#include "kconfig/edit.h"

#include <algorithm>
#include <span>

#include "base/strings.h"
#include "kconfig/solve.h"

namespace kiln::kconfig {
namespace {

constexpr int kMaxRounds = 6;
constexpr size_t kMaxTried = 8;

std::string TextOf(std::span<const Assignment> assignments) {
  std::string text;
  for (const Assignment& one : assignments) text += AssignmentText(one.symbol, one.value) + "\n";
  return text;
}

bool AllHold(const DotConfig& config, std::span<const Assignment> assignments) {
  return std::ranges::all_of(assignments,
                             [&](const Assignment& one) { return Holds(config, one.symbol, one.value); });
}

bool Names(std::span<const Assignment> assignments, const std::string& symbol) {
  return std::ranges::find(assignments, symbol, &Assignment::symbol) != assignments.end();
}

/// One use of SetSymbols.
class Setter {
 public:
  Setter(const Model& model, Configurator& configurator, const std::string& config_text,
         const std::vector<Assignment>& asked)
      : model_(model), configurator_(configurator), before_(config_text) {
    out_.asked = asked;
  }

  Result<SetResult> Run() {
    const DotConfig old = KILN_TRY(DotConfig::Parse(before_));
    for (int round = 0; round < kMaxRounds; ++round) {
      out_.text = KILN_TRY(Try(out_.added));
      const DotConfig now = KILN_TRY(DotConfig::Parse(out_.text));
      out_.holds = AllHold(now, out_.asked);
      if (out_.holds || !AddFixes(now)) break;
    }
    if (out_.holds) KILN_TRY(DropNeedless());
    const DotConfig now = KILN_TRY(DotConfig::Parse(out_.text));
    out_.changes = Diff(old, now);
    for (const Assignment& one : out_.asked) {
      if (Holds(now, one.symbol, one.value)) continue;
      const Request request{.symbol = one.symbol, .value = one.value, .origin = {.name = "asked for"}};
      out_.unmet.push_back(ExplainOne(model_, request, now));
    }
    return std::move(out_);
  }

 private:
  Result<std::string> Try(std::span<const Assignment> added) {
    ++out_.runs;
    return configurator_.Resolve({.kind = Base::Kind::kFile}, before_, TextOf(added) + TextOf(out_.asked));
  }

  /// True when there was something new to add.
  bool AddFixes(const DotConfig& now) {
    bool any = false;
    for (const Assignment& one : out_.asked) {
      const SymbolId id = model_.Find(one.symbol);
      if (id == kNone || Holds(now, one.symbol, one.value)) continue;
      const std::vector<Assignment> kept = out_.asked;
      auto fixes = Solve(model_, now, id, one.value, kept);
      if (!fixes) continue;
      for (Assignment& fix : *fixes) {
        if (Names(out_.asked, fix.symbol) || Names(out_.added, fix.symbol)) continue;
        out_.added.push_back(std::move(fix));
        any = true;
      }
    }
    return any;
  }

  Result<> DropNeedless() {
    if (out_.added.size() > kMaxTried) return {};
    for (size_t i = out_.added.size(); i-- > 0 && out_.added.size() > 1;) {
      auto fewer = out_.added;
      fewer.erase(fewer.begin() + static_cast<long>(i));
      std::string text = KILN_TRY(Try(fewer));
      const DotConfig now = KILN_TRY(DotConfig::Parse(text));
      if (!AllHold(now, out_.asked)) continue;
      out_.added = std::move(fewer);
      out_.text = std::move(text);
    }
    return {};
  }

  const Model& model_;
  Configurator& configurator_;
  const std::string& before_;
  SetResult out_;
};

/// One use of MinimalFragment.
class Minimizer {
 public:
  Minimizer(const Model& model, Configurator& configurator, const Base& base, const std::string& base_text,
            const DotConfig& wanted, int max_runs)
      : model_(model),
        configurator_(configurator),
        base_(base),
        base_text_(base_text),
        wanted_(wanted),
        max_runs_(max_runs) {}

  Result<MinResult> Run() {
    DotConfig at = KILN_TRY(Try({}));
    // What differs and can be set goes in; what follows from it by itself then no longer differs.
    for (int round = 0; round < kMaxRounds && out_.runs < max_runs_; ++round) {
      const auto missed = Diff(at, wanted_);
      if (missed.empty()) break;
      if (!AddCandidates(missed)) break;
      at = KILN_TRY(Try(out_.fragment));
    }
    out_.missed = Diff(at, wanted_);
    out_.proven = out_.missed.empty();
    if (out_.proven) KILN_TRY(Shrink());
    return std::move(out_);
  }

 private:
  Result<DotConfig> Try(std::span<const Assignment> fragment) {
    ++out_.runs;
    const std::string text = KILN_TRY(configurator_.Resolve(base_, base_text_, TextOf(fragment)));
    return DotConfig::Parse(text);
  }

  bool AddCandidates(const std::vector<Difference>& missed) {
    const Evaluator wanted(model_, wanted_);
    bool any = false;
    for (const Difference& one : missed) {
      const SymbolId id = model_.Find(one.symbol);
      if (id == kNone || Names(out_.fragment, one.symbol) || wanted.Visible(id).high == 0) continue;
      if (Follows(wanted, id, one.after)) continue;
      out_.fragment.push_back({.symbol = one.symbol, .value = one.after});
      any = true;
    }
    return any;
  }

  /// Selected to exactly its value, or the member of a choice that another's being chosen turns off.
  bool Follows(const Evaluator& wanted, SymbolId id, const std::string& value) const {
    const Type type = model_.symbol(id).type;
    if (type != Type::kBool && type != Type::kTristate) return false;
    const Truth selected = wanted.Selected(id);
    if (value != "n" && selected.low == wanted.Tristate(id)) return true;
    if (value != "n") return false;
    for (const EntryId entry : model_.symbol(id).entries) {
      const EntryId choice = model_.ChoiceOf(entry);
      if (choice == kNone) continue;
      for (const SymbolId member : model_.Members(choice))
        if (wanted.Tristate(member) == 2) return true;
    }
    return false;
  }

  /// Leaves out halves, then quarters … down to single lines, as long as runs are left.
  Result<> Shrink() {
    size_t chunk = out_.fragment.size();
    while (chunk >= 1 && !out_.fragment.empty()) {
      bool complete = true;
      for (size_t begin = 0; begin < out_.fragment.size();) {
        if (out_.runs >= max_runs_) return {};
        auto fewer = out_.fragment;
        const size_t end = std::min(begin + chunk, fewer.size());
        fewer.erase(fewer.begin() + static_cast<long>(begin), fewer.begin() + static_cast<long>(end));
        const DotConfig at = KILN_TRY(Try(fewer));
        if (Diff(at, wanted_).empty()) {
          out_.fragment = std::move(fewer);
          complete = false;
        } else {
          begin = end;
        }
      }
      if (chunk == 1) {
        // A line that could not go may be able to once another has gone.
        if (complete) {
          out_.smallest = true;
          return {};
        }
        continue;
      }
      chunk = std::max<size_t>(chunk / 2, 1);
    }
    out_.smallest = true;
    return {};
  }

  const Model& model_;
  Configurator& configurator_;
  const Base& base_;
  const std::string& base_text_;
  const DotConfig& wanted_;
  int max_runs_;
  MinResult out_;
};

}  // namespace

Result<SetResult> SetSymbols(const Model& model, Configurator& configurator, const std::string& config_text,
                             const std::vector<Assignment>& asked) {
  return Setter(model, configurator, config_text, asked).Run();
}

Result<MinResult> MinimalFragment(const Model& model, Configurator& configurator, const Base& base,
                                  const std::string& base_text, const DotConfig& wanted, int max_runs) {
  return Minimizer(model, configurator, base, base_text, wanted, max_runs).Run();
}

}  // namespace kiln::kconfig
