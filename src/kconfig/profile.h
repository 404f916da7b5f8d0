#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kconfig/files.h"
#include "kconfig/fragment.h"

namespace kiln::kconfig {

/// Where one fragment of a profile comes from.
struct FragmentSource {
  enum class Kind {
    kText,  ///< `value` is its text.
    kFile,  ///< `value` is an absolute path.
    kTree,  ///< `value` is a path or pattern below the kernel tree: "tools/testing/selftests/**/config".
  };
  Kind kind = Kind::kText;
  std::string value;
  std::string name;       ///< For messages: "profile kasan"; files are named by their path.
  std::string srcarch{};  ///< Only for this folder below arch/; empty: for all.
  /// Only for trees whose `with_file` has the line `with_line`; empty: for all.
  std::string with_file{};
  std::string with_line{};
  friend bool operator==(const FragmentSource&, const FragmentSource&) = default;
};

/// A way to configure a kernel: what to begin with and what to put on top. Built in or from a kiln.toml.
struct Profile {
  std::string name;
  std::string description;
  /// What the configuration begins with: make targets ("defconfig", "tinyconfig", "x86_64_defconfig",
  /// "defconfig kvm_guest.config"), "distribution" (the newest /boot/config-*), or the absolute path of a
  /// file. Empty: as the first of `profiles` that says. In a stack the lowest that says decides; when none
  /// does, the profile "base" is put below.
  std::string base{};
  std::vector<std::string> profiles{};  ///< Names of the profiles that it stands on, lowest first.
  std::vector<FragmentSource> fragments{};
  /// What "NAME/PART" has instead of `fragments`, with "{}" for PART; empty: the profile has no parts.
  std::vector<FragmentSource> part_fragments{};
  std::vector<std::string> make{};  ///< Make variables: "LLVM=1".
  std::string defined_in{};         ///< "/w/kiln.toml:12"; empty: built in.
};

/// The built-in profiles, in the order in which `kiln profile list` shows them.
std::vector<Profile> BuiltInProfiles();

/// What the configuration begins with.
struct Base {
  enum class Kind {
    kTargets,       ///< Make targets, run in order.
    kNothing,       ///< allnoconfig with the fragments applied at once: what none of them asks for is off.
    kDistribution,  ///< The newest /boot/config-*.
    kFile,
  };
  Kind kind = Kind::kTargets;
  /// kTargets: in order. kNothing: fragments of the tree (kernel/configs/X and arch/*/configs/X) that go
  /// first.
  std::vector<std::string> targets{};
  std::string file{};
  /// kFile: what is in it, when it was read already.
  std::optional<std::string> text{};
  /// As a person writes it: "defconfig", "/boot/config-6.1.0".
  std::string Text() const;
  friend bool operator==(const Base&, const Base&) = default;
};
/// kInvalidArgument when the words are neither make targets nor a path.
Result<Base> ParseBase(std::string_view text);

/// A stack of profiles, resolved by name only: nothing is read yet.
struct ProfilePlan {
  std::vector<std::string> profiles;  ///< All that take part, lowest first, each once.
  Base base{};
  std::vector<FragmentSource> fragments{};  ///< In order: later wins.
  std::vector<std::string> make{};   ///< Make variables; a later one of the same name replaced an earlier.
  std::vector<std::string> notes{};  ///< For a person: a base that was replaced, and the like.
};

/// Pure. `stack` as given by -p, several names one after another ("kasan", "kunit"); empty is {"base"}. `own`
/// are those of kiln.toml: they hide built-in ones of the same name. "kselftest/net" and "kunit/fs/ext4" are
/// the profile's fragments below that folder alone. Unknown names are kNotFound with the nearest as a hint; a
/// profile that stands on itself is kInvalidArgument.
Result<ProfilePlan> ResolveProfiles(std::span<const std::string> stack, std::span<const Profile> own);
/// "kasan,kunit" and repeated options into names.
std::vector<std::string> SplitStack(std::span<const std::string> options);

/// A plan with everything read, for one tree.
struct LoadedPlan {
  ProfilePlan plan;
  /// Of kDistribution and kFile: that .config; plan.base.file says which. Of kNothing: the tree's fragments
  /// that go first, which are no requests.
  std::string base_text;
  std::vector<Fragment> fragments;  ///< Read, in order.
  std::vector<Request> requests;    ///< Merge(fragments).
  std::vector<std::string> notes;   ///< The plan's and more: lines that set nothing, overridden values.
  /// The text for merging: RequestsText(requests).
  std::string FragmentText() const { return RequestsText(requests); }
};

/// What of the outside decides how a plan is read.
struct PlanContext {
  std::string source;  ///< The source tree; "" when there is none: a profile that needs one then fails.
  std::string srcarch = "x86";    ///< The folder below arch/.
  std::string running_release{};  ///< uname -r: preferred by the "distribution" base. May be empty.
};
/// The texts that `make NAME` merges, in order: kernel/configs/NAME of the tree at `source` and its
/// arch/SRCARCH/configs/NAME. None when the tree has no fragment of that name.
Result<std::vector<std::string>> ReadTreeFragment(const Files& files, const std::string& source,
                                                  const std::string& srcarch, std::string_view name);

/// Reads the fragments and the base file.
Result<LoadedPlan> LoadPlan(const ProfilePlan& plan, const Files& files, const PlanContext& context);

}  // namespace kiln::kconfig
