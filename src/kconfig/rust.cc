#include "kconfig/rust.h"

#include <algorithm>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::kconfig {
namespace {

constexpr size_t kMaxScript = size_t{64} << 10;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "1.62.0" at the front of the text; empty when there is none.
std::string LeadingVersion(std::string_view text) {
  size_t size = 0;
  while (size < text.size() && (IsDigit(text[size]) || text[size] == '.')) ++size;
  std::string_view version = text.substr(0, size);
  while (version.ends_with('.')) version.remove_suffix(1);
  return version.find('.') == std::string_view::npos ? std::string() : std::string(version);
}

/// One look at a tree and this host.
class Examiner {
 public:
  using Variable = std::function<std::optional<std::string>(std::string_view)>;
  Examiner(const Files& files, sys::Spawner& spawner, const std::string& tree, const Variable& variable)
      : files_(files), spawner_(spawner), tree_(tree), variable_(variable) {}

  RustReport Run() {
    report_.tree_has_rust = files_.IsFolder(tree_ + "/rust");
    if (!report_.tree_has_rust) return std::move(report_);
    if (auto script = files_.Read(tree_ + "/scripts/min-tool-version.sh", kMaxScript))
      script_ = *std::move(script);
    // From some version on the tree takes newer compilers too; before, its Rust code needs one exactly.
    const auto available = files_.Read(tree_ + "/scripts/rust_is_available.sh", kMaxScript);
    exact_ = available && available->find("too new. This may or may not work") != std::string::npos;
    const bool has_rustc = Program("rustc", "RUSTC", "rustc");
    const bool has_bindgen = Program("bindgen", "BINDGEN", "bindgen");
    if (has_bindgen) Libclang();
    CoreSources(has_rustc);
    return std::move(report_);
  }

 private:
  std::optional<std::string> Say(std::vector<std::string> argv, bool errors = false) {
    const auto ran = spawner_.Run({.argv = std::move(argv)}, {}, {.timeout = std::chrono::seconds(20)});
    if (!ran || (!ran->status.ok() && !errors)) return std::nullopt;
    return errors ? ran->output + ran->errors : ran->output;
  }

  bool Program(std::string_view name, std::string_view variable, std::string_view fallback) {
    RustNeed need{.name = std::string(name)};
    need.program = variable_(variable).value_or(std::string(fallback));
    const std::string least = MinimumVersion(script_, name);
    if (!least.empty())
      need.wanted = exact_ && name == "rustc"
                        ? fmt::format("{}, as this tree's Rust code is written for", least)
                        : least + " or newer";
    // Some bindgen ask for a file even for their version.
    std::vector<std::string> argv = {need.program, "--version"};
    if (name == "bindgen") argv.emplace_back("workaround-for-0.69.0");
    const auto said = Say(std::move(argv));
    if (!said) {
      need.mend = Mend(name, least, false);
    } else {
      need.found = VersionAfter(*said, name);
      if (need.found.empty()) need.found = Printable(Trim(*said).substr(0, 80));
      need.met = least.empty() || CompareVersions(need.found, least) >= 0;
      need.too_new = exact_ && !least.empty() && CompareVersions(need.found, least) > 0;
      if (!need.met || need.too_new) need.mend = Mend(name, least, true);
    }
    const bool there = said.has_value();
    report_.needs.push_back(std::move(need));
    return there;
  }

  // What a distribution has may be too old as well: of one that is, its package is no way out.
  std::string Mend(std::string_view name, const std::string& version, bool is_there) const {
    const bool is_rustc = name == "rustc";
    const std::string crate =
        !version.empty() && CompareVersions(version, "0.61.0") < 0 ? "bindgen" : "bindgen-cli";
    std::string own;
    if (version.empty())
      own = is_rustc ? "rustup" : fmt::format("cargo install {}", crate);
    else
      own = is_rustc ? fmt::format("rustup override set {} in the tree", version)
                     : fmt::format("cargo install --locked --version {} {}", version, crate);
    if (is_there) return own;
    if (version.empty()) return fmt::format("{}; or the distribution's package {}", own, name);
    return fmt::format("{}; or the distribution's package {} if that is {}", own, name,
                       exact_ && is_rustc ? version : version + " or newer");
  }

  void Libclang() {
    const std::string header = tree_ + "/scripts/rust_is_available_bindgen_libclang.h";
    if (!files_.IsFile(header)) return;
    RustNeed need{.name = "libclang"};
    const std::string least = MinimumVersion(script_, "llvm");
    if (!least.empty()) need.wanted = least + " or newer";
    const auto said = Say({variable_("BINDGEN").value_or("bindgen"), header}, true);
    if (said) need.found = VersionAfter(*said, "clang version");
    need.met = !need.found.empty() && (least.empty() || CompareVersions(need.found, least) >= 0);
    if (!need.met) need.mend = "the distribution's package libclang-dev (Fedora: clang-devel, Arch: clang)";
    report_.needs.push_back(std::move(need));
  }

  void CoreSources(bool has_rustc) {
    RustNeed need{.name = "core sources"};
    std::string folder = variable_("RUST_LIB_SRC").value_or("");
    if (folder.empty() && has_rustc) {
      if (const auto sysroot = Say({variable_("RUSTC").value_or("rustc"), "--print", "sysroot"}))
        folder = std::string(Trim(*sysroot)) + "/lib/rustlib/src/rust/library";
    }
    need.wanted = folder.empty() ? "core/src/lib.rs of the compiler" : folder + "/core/src/lib.rs";
    if (!folder.empty() && files_.IsFile(folder + "/core/src/lib.rs")) {
      need.found = folder;
      need.met = true;
    } else {
      need.mend =
          "rustup component add rust-src; or the distribution's package rust-src, with RUST_LIB_SRC naming "
          "it";
    }
    report_.needs.push_back(std::move(need));
  }

  const Files& files_;
  sys::Spawner& spawner_;
  const std::string& tree_;
  const Variable& variable_;
  std::string script_;
  bool exact_ = false;
  RustReport report_;
};

}  // namespace

bool RustReport::Usable() const { return tree_has_rust && std::ranges::all_of(needs, &RustNeed::met); }

RustReport ExamineRust(const Files& files, sys::Spawner& spawner, const std::string& tree,
                       const std::function<std::optional<std::string>(std::string_view)>& variable) {
  return Examiner(files, spawner, tree, variable).Run();
}

std::string MinimumVersion(std::string_view script, std::string_view tool) {
  bool inside = false;
  for (std::string_view line : SplitLines(script)) {
    line = Trim(line);
    if (ConsumeSuffix(line, ")") && !inside) {
      inside = line == tool;
      continue;
    }
    if (!inside) continue;
    if (line == ";;") inside = false;
    // An arch's own version stands in an "else"; the last one is the usual.
    if (!ConsumePrefix(line, "echo ")) continue;
    std::string version = LeadingVersion(Trim(line));
    const size_t at = script.find(line);
    const std::string_view after = script.substr(at, script.find(";;", at) - at);
    if (after.find("else") == std::string_view::npos) return version;
  }
  return {};
}

std::string VersionAfter(std::string_view text, std::string_view name) {
  size_t at = 0;
  while ((at = text.find(name, at)) != std::string_view::npos) {
    at += name.size();
    const std::string_view rest = text.substr(at);
    if (rest.starts_with(' ')) {
      if (std::string version = LeadingVersion(rest.substr(1)); !version.empty()) return version;
    }
  }
  return {};
}

int CompareVersions(std::string_view a, std::string_view b) {
  const auto parts_a = Split(a, '.');
  const auto parts_b = Split(b, '.');
  for (size_t i = 0; i < std::max(parts_a.size(), parts_b.size()); ++i) {
    const uint64_t x = i < parts_a.size() ? ParseUnsigned(parts_a[i]).value_or(0) : 0;
    const uint64_t y = i < parts_b.size() ? ParseUnsigned(parts_b[i]).value_or(0) : 0;
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

}  // namespace kiln::kconfig
