#include "kconfig/profile.h"

#include <algorithm>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::kconfig {
namespace {

constexpr size_t kMaxProfiles = 64;
constexpr size_t kMaxFragments = 2000;

bool IsTargetWord(std::string_view word) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '+';
  };
  return (word.ends_with("config") || word.ends_with(".config")) && !word.starts_with('.') &&
         std::ranges::all_of(word, plain);
}

/// Flattens a stack: what a profile stands on comes before it, each once.
class Stacker {
 public:
  explicit Stacker(std::vector<Profile> known) : known_(std::move(known)) {}

  /// Gives the base that `name` says, itself or by what it stands on; empty when none.
  Result<std::string> Push(const std::string& name) {
    if (const auto done = std::ranges::find(done_, name, &Done::name); done != done_.end()) return done->base;
    if (std::ranges::find(open_, name) != open_.end())
      return MakeError(ErrorCode::kInvalidArgument, "profile '{}' stands on itself: {}", Printable(name),
                       Printable(Join(open_, " -> ") + " -> " + name))
          .Hint("take one of these out of the others' 'profiles'");
    if (open_.size() + done_.size() >= kMaxProfiles)
      return MakeError(ErrorCode::kInvalidArgument, "more than {} profiles at once", kMaxProfiles);
    const Profile profile = KILN_TRY(Find(name));
    open_.push_back(name);
    std::string base = profile.base;
    for (const std::string& below : profile.profiles) {
      std::string its =
          KILN_TRY(Push(below), "profile '{}'{}", Printable(name),
                   profile.defined_in.empty() ? "" : " (" + Printable(profile.defined_in) + ")");
      if (base.empty()) base = std::move(its);
    }
    open_.pop_back();
    done_.push_back({.name = name, .base = base});
    order_.push_back(profile);
    return base;
  }

  const std::vector<Profile>& order() const { return order_; }

 private:
  Result<Profile> Find(const std::string& name) const {
    const auto named = [&](std::string_view wanted) {
      return std::ranges::find_if(known_, [&](const Profile& p) { return p.name == wanted; });
    };
    if (const auto found = named(name); found != known_.end()) return *found;
    const size_t slash = name.find('/');
    if (slash != std::string::npos) {
      if (const auto found = named(std::string_view(name).substr(0, slash)); found != known_.end())
        return Part(*found, name, slash);
    }
    std::vector<std::string> names;
    for (const Profile& profile : known_) names.push_back(profile.name);
    const auto nearest = Nearest(name, names);
    return MakeError(ErrorCode::kInvalidArgument, "there is no profile '{}'", Printable(name))
        .Hint(nearest ? fmt::format("did you mean '{}'?", *nearest)
                      : "`kiln profile list` shows what there is; your own go into kiln.toml as "
                        "[build.profile.NAME]");
  }

  // "kselftest/net": the profile with the fragments of that part.
  static Result<Profile> Part(Profile profile, const std::string& name, size_t slash) {
    const std::string part = name.substr(slash + 1);
    if (profile.part_fragments.empty())
      return MakeError(ErrorCode::kInvalidArgument, "there is no profile '{}'", Printable(name))
          .Hint(fmt::format("profile '{}' has no parts", Printable(profile.name)));
    if (part.empty() || part.starts_with('/') || IsPattern(part) ||
        ("/" + part + "/").find("/../") != std::string::npos)
      return MakeError(ErrorCode::kInvalidArgument,
                       "profile '{}': after the slash comes a folder of the tree", Printable(name));
    profile.fragments = std::move(profile.part_fragments);
    for (FragmentSource& source : profile.fragments) source.value = ReplaceAll(source.value, "{}", part);
    profile.name = name;
    return profile;
  }

  struct Done {
    std::string name;
    std::string base;
  };
  std::vector<Profile> known_;
  std::vector<std::string> open_;
  std::vector<Done> done_;
  std::vector<Profile> order_;
};

void AddMake(std::vector<std::string>& variables, const std::string& variable) {
  const std::string name = variable.substr(0, variable.find('='));
  std::erase_if(variables, [&](const std::string& one) { return one.substr(0, one.find('=')) == name; });
  variables.push_back(variable);
}

// "6.1.0-12" after "6.1.0-9": runs of digits compare as numbers.
bool VersionLess(std::string_view a, std::string_view b) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto number = [&](std::string_view& text) {
    size_t size = 0;
    while (size < text.size() && is_digit(text[size])) ++size;
    std::string_view digits = text.substr(0, size);
    text.remove_prefix(size);
    while (digits.size() > 1 && digits[0] == '0') digits.remove_prefix(1);
    return digits;
  };
  while (!a.empty() && !b.empty()) {
    if (is_digit(a[0]) && is_digit(b[0])) {
      const auto left = number(a);
      const auto right = number(b);
      if (left.size() != right.size()) return left.size() < right.size();
      if (left != right) return left < right;
    } else if (a[0] != b[0]) {
      return a[0] < b[0];
    } else {
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  return a.empty() && !b.empty();
}

/// Reads what a plan names.
class Loader {
 public:
  Loader(const ProfilePlan& plan, const Files& files, const PlanContext& context)
      : files_(files), context_(context) {
    loaded_.plan = plan;
    loaded_.notes = plan.notes;
  }

  Result<LoadedPlan> Load() {
    KILN_TRY(ReadBase());
    for (const FragmentSource& source : loaded_.plan.fragments) KILN_TRY(Read(source));
    loaded_.requests = Merge(loaded_.fragments);
    return std::move(loaded_);
  }

 private:
  Result<> ReadBase() {
    Base& base = loaded_.plan.base;
    if (base.kind == Base::Kind::kNothing) return ReadTreesBase(base);
    if (base.kind == Base::Kind::kDistribution) base.file = KILN_TRY(DistributionConfig());
    if (base.file.empty()) return {};
    auto text = base.text ? Result<std::string>(*base.text) : files_.Read(base.file, kMaxConfigBytes);
    if (!text) return std::move(text).error().Context("reading the base configuration");
    const auto config = DotConfig::Parse(*text);
    if (!config)
      return MakeError(ErrorCode::kInvalidArgument, "{}: {}", Printable(base.file), config.error().Text());
    if (base.kind == Base::Kind::kDistribution) NoteForeign(*config);
    loaded_.base_text = *std::move(text);
    return {};
  }

  // What the distribution of this host is shows in what its compiler calls itself.
  void NoteForeign(const DotConfig& config) {
    const std::string_view compiler = config.Value("CC_VERSION_TEXT").value_or("");
    for (const auto& [profile, mark] : {std::pair("debian", "Debian"), {"fedora", "Red Hat"}}) {
      if (std::ranges::find(loaded_.plan.profiles, profile) == loaded_.plan.profiles.end()) continue;
      if (compiler.empty() || compiler.find(mark) != std::string_view::npos) continue;
      loaded_.notes.push_back(
          fmt::format("the profile {} takes the configuration of this host's own distribution, and that is "
                      "another: {} was made with {}",
                      profile, Printable(loaded_.plan.base.file), Printable(compiler)));
    }
  }

  // As make puts them together. Nobody asked for what is in them, so it is no fragment of the plan.
  Result<> ReadTreesBase(const Base& base) {
    for (const std::string& target : base.targets) {
      KILN_TRY(NeedTree("base " + target));
      const auto texts = KILN_TRY(ReadTreeFragment(files_, context_.source, context_.srcarch, target),
                                  "reading the base configuration");
      for (const std::string& text : texts) loaded_.base_text += text + "\n";
      if (texts.empty())
        return MakeError(ErrorCode::kNotFound, "{} has no {} for {}", Printable(context_.source),
                         Printable(target), context_.srcarch);
    }
    return {};
  }

  Result<std::string> DistributionConfig() const {
    std::string own = "/boot/config-" + context_.running_release;
    if (!context_.running_release.empty() && files_.IsFile(own)) return own;
    auto found = Glob(files_, "/boot/config-*");
    for (const std::string& path : Glob(files_, "/lib/modules/*/config")) found.push_back(path);
    if (found.empty())
      return Error(ErrorCode::kNotFound,
                   "there is no distribution's configuration (/boot/config-*) on this host")
          .Hint(
              "install a kernel of the distribution, or name a file: base = \"path/to/config\" in a profile");
    return *std::ranges::max_element(found, [](const std::string& a, const std::string& b) {
      return VersionLess(ReplaceAll(a, "/lib/modules/", "/boot/config-"),
                         ReplaceAll(b, "/lib/modules/", "/boot/config-"));
    });
  }

  Result<> NeedTree(std::string_view who) const {
    if (!context_.source.empty()) return {};
    return MakeError(ErrorCode::kNotFound, "{} reads files of a kernel tree, and there is none here",
                     Printable(who))
        .Hint("go into a kernel tree, or name one with --tree DIR");
  }

  Result<> Read(const FragmentSource& source) {
    if (!source.srcarch.empty() && source.srcarch != context_.srcarch) return {};
    if (!IsOfThisTree(source)) return {};
    switch (source.kind) {
      case FragmentSource::Kind::kText:
        return Add(source.value, source.name);
      case FragmentSource::Kind::kFile:
        return ReadPath(source.value, source.value);
      case FragmentSource::Kind::kTree:
        break;
    }
    KILN_TRY(NeedTree(source.name));
    const std::string value = ReplaceAll(source.value, "$(SRCARCH)", context_.srcarch);
    const std::string prefix = context_.source + "/";
    const auto paths = IsPattern(value) ? Glob(files_, prefix + value) : std::vector{prefix + value};
    if (paths.empty()) {
      return MakeError(ErrorCode::kNotFound, "{}: {} has no {}", Printable(source.name),
                       Printable(context_.source), Printable(value));
    }
    for (const std::string& path : paths) KILN_TRY(ReadPath(path, path.substr(prefix.size())));
    return {};
  }

  // Without a tree it is shown as what is asked of one.
  bool IsOfThisTree(const FragmentSource& source) const {
    if (source.with_file.empty() || context_.source.empty()) return true;
    const auto text = files_.Read(fmt::format("{}/{}", context_.source, source.with_file), kMaxConfigBytes);
    if (!text) return false;
    const auto lines = SplitLines(*text);
    return std::ranges::find(lines, source.with_line) != lines.end();
  }

  Result<> ReadPath(const std::string& path, const std::string& name) {
    auto text = files_.Read(path, kMaxConfigBytes);
    if (!text) return std::move(text).error().Context("reading a config fragment");
    return Add(*text, name);
  }

  Result<> Add(std::string_view text, const std::string& name) {
    if (loaded_.fragments.size() >= kMaxFragments)
      return MakeError(ErrorCode::kInvalidArgument, "more than {} fragments", kMaxFragments);
    Fragment fragment = KILN_TRY(ParseFragment(text, name));
    for (const FragmentMistake& mistake : fragment.mistakes)
      loaded_.notes.push_back(fmt::format("{}:{}: {}", Printable(name), mistake.line, mistake.message));
    loaded_.fragments.push_back(std::move(fragment));
    return {};
  }

  const Files& files_;
  const PlanContext& context_;
  LoadedPlan loaded_;
};

}  // namespace

std::string Base::Text() const {
  switch (kind) {
    case Kind::kTargets:
      return Join(targets, " ");
    case Kind::kNothing:
      return targets.empty() ? "allnoconfig" : "tinyconfig";
    case Kind::kDistribution:
      return file.empty() ? "distribution" : file;
    case Kind::kFile:
      return file;
  }
  return {};
}

Result<Base> ParseBase(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return MakeError(ErrorCode::kInvalidArgument, "base '{}': {}", Printable(text.substr(0, 200)), why)
        .Hint("for example defconfig, tinyconfig, allnoconfig, x86_64_defconfig, distribution, or a path");
  };
  text = Trim(text);
  if (text == "distribution") return Base{.kind = Base::Kind::kDistribution};
  if (text.starts_with('/')) return Base{.kind = Base::Kind::kFile, .file = std::string(text)};
  if (text == "allnoconfig") return Base{.kind = Base::Kind::kNothing};
  if (text == "tinyconfig")
    return Base{.kind = Base::Kind::kNothing, .targets = {"tiny-base.config", "tiny.config"}};
  Base base;
  for (const std::string_view word : SplitBlank(text)) {
    if (!IsTargetWord(word))
      return wrong("that is neither a make target that configures nor an absolute path");
    if (word == "menuconfig" || word == "nconfig" || word == "xconfig" || word == "gconfig" ||
        word == "config" || word == "oldconfig")
      return wrong(fmt::format("{} asks questions", word));
    base.targets.emplace_back(word);
  }
  if (base.targets.empty()) return wrong("it is empty");
  // A fragment of the tree needs something to be put on.
  if (base.targets[0].ends_with(".config")) base.targets.insert(base.targets.begin(), "defconfig");
  return base;
}

std::vector<std::string> SplitStack(std::span<const std::string> options) {
  std::vector<std::string> names;
  for (const std::string& option : options) {
    for (const std::string_view name : Split(option, ','))
      if (!Trim(name).empty()) names.emplace_back(Trim(name));
  }
  return names;
}

Result<ProfilePlan> ResolveProfiles(std::span<const std::string> stack, std::span<const Profile> own) {
  std::vector<Profile> known(own.begin(), own.end());
  for (Profile& built_in : BuiltInProfiles()) {
    const bool hidden = std::ranges::any_of(known, [&](const Profile& p) { return p.name == built_in.name; });
    if (!hidden) known.push_back(std::move(built_in));
  }
  ProfilePlan plan;
  Stacker stacker(known);
  std::string base;
  std::string base_of;
  const auto push = [&](Stacker& into, const std::string& name) -> Result<> {
    const std::string its = KILN_TRY(into.Push(name));
    if (base.empty()) {
      base = its;
      base_of = name;
    } else if (!its.empty() && its != base) {
      plan.notes.push_back(
          fmt::format("the configuration begins with {} (profile {}), not with {} (profile {})",
                      Printable(base), Printable(base_of), Printable(its), Printable(name)));
    }
    return {};
  };
  for (const std::string& name : stack) KILN_TRY(push(stacker, name));
  if (base.empty()) {
    stacker = Stacker(known);
    KILN_TRY(push(stacker, "base"));
    for (const std::string& name : stack) KILN_TRY(push(stacker, name));
  }
  if (base.empty())
    return Error(ErrorCode::kInvalidArgument, "the profile 'base' of kiln.toml has no base")
        .Hint("give it one, for example base = \"defconfig\"");
  plan.base = KILN_TRY(ParseBase(base), "profile '{}'", Printable(base_of));
  for (const Profile& profile : stacker.order()) {
    plan.profiles.push_back(profile.name);
    plan.fragments.insert(plan.fragments.end(), profile.fragments.begin(), profile.fragments.end());
    for (const std::string& variable : profile.make) AddMake(plan.make, variable);
  }
  return plan;
}

Result<std::vector<std::string>> ReadTreeFragment(const Files& files, const std::string& source,
                                                  const std::string& srcarch, std::string_view name) {
  std::vector<std::string> texts;
  for (const std::string& folder : {std::string("kernel"), "arch/" + srcarch}) {
    const std::string path = fmt::format("{}/{}/configs/{}", source, folder, name);
    if (files.IsFile(path)) texts.push_back(KILN_TRY(files.Read(path, kMaxConfigBytes)));
  }
  return texts;
}

Result<LoadedPlan> LoadPlan(const ProfilePlan& plan, const Files& files, const PlanContext& context) {
  return Loader(plan, files, context).Load();
}

}  // namespace kiln::kconfig
