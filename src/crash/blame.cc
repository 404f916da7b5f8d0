#include "crash/blame.h"

#include <array>
#include <span>
#include <unordered_set>
#include <vector>

#include "crash/blame_names.h"

namespace kiln::crash {
namespace {

using names::Names;

/// A set of names, of which "foo*" means all that begin so, "*foo" all that end so, "*foo*" all that hold it.
class NameSet {
 public:
  NameSet(std::initializer_list<Names> lists) {
    for (const Names names : lists) {
      for (std::string_view name : names) {
        const bool open_front = name.starts_with('*');
        const bool open_back = name.size() > 1 && name.ends_with('*');
        if (open_front) name.remove_prefix(1);
        if (open_back) name.remove_suffix(1);
        if (open_front && open_back)
          parts_.push_back(name);
        else if (open_front)
          endings_.push_back(name);
        else if (open_back)
          beginnings_[Bucket(name)].push_back(name);
        else
          exact_.insert(name);
      }
    }
  }

  bool Holds(std::string_view function) const {
    if (function.empty()) return false;
    if (exact_.contains(function)) return true;
    for (const auto name : beginnings_[Bucket(function)]) {
      if (function.starts_with(name)) return true;
    }
    for (const auto name : endings_) {
      if (function.ends_with(name)) return true;
    }
    for (const auto name : parts_) {
      if (function.find(name) != std::string_view::npos) return true;
    }
    return false;
  }

 private:
  static size_t Bucket(std::string_view name) { return static_cast<unsigned char>(name[0]); }

  std::unordered_set<std::string_view> exact_;
  std::array<std::vector<std::string_view>, 256> beginnings_;
  std::vector<std::string_view> endings_;
  std::vector<std::string_view> parts_;
};

const NameSet& Extra(SkipSet set) {
  static const NameSet kNone{};
  static const NameSet kObject{names::Objects()};
  static const NameSet kStall{names::Stall()};
  static const NameSet kLeak{names::Leak()};
  static const NameSet kSleep{names::Sleep()};
  static const NameSet kRcu{names::Rcu()};
  static const NameSet kHang{names::Hang()};
  static const NameSet kLockdep{names::Lockdep()};
  static const NameSet kRust{names::Rust()};
  static const NameSet kPage{names::Page()};
  static const NameSet kUsercopy{names::Usercopy()};
  switch (set) {
    case SkipSet::kNone:
      return kNone;
    case SkipSet::kObjects:
      return kObject;
    case SkipSet::kStall:
      return kStall;
    case SkipSet::kLeak:
      return kLeak;
    case SkipSet::kSleep:
      return kSleep;
    case SkipSet::kRcu:
      return kRcu;
    case SkipSet::kLockdep:
      return kLockdep;
    case SkipSet::kRust:
      return kRust;
    case SkipSet::kPage:
      return kPage;
    case SkipSet::kHang:
      return kHang;
    case SkipSet::kUsercopy:
      return kUsercopy;
  }
  return kNone;
}

}  // namespace

bool IsFaultInjection(std::string_view function) {
  static const NameSet kSet{names::FaultInjection()};
  return kSet.Holds(function);
}

bool NeverBlamed(std::string_view function, SkipSet extra) {
  static const NameSet kSet{names::Print(),     names::FaultEntry(),     names::Sanitizer(),
                            names::Memory(),    names::Allocator(),      names::Lock(),
                            names::Structure(), names::FaultInjection(), names::Entry()};
  return kSet.Holds(function) || Extra(extra).Holds(function);
}

bool IsDispatcher(std::string_view function) {
  static const NameSet kSet{names::Dispatchers()};
  return kSet.Holds(function);
}

bool IsSystemCall(std::string_view function) {
  static const NameSet kSet{names::SystemCalls()};
  return kSet.Holds(function);
}

bool IsTimerInterrupt(std::string_view function) {
  static const NameSet kSet{names::TimerInterrupts()};
  return kSet.Holds(function);
}

}  // namespace kiln::crash
