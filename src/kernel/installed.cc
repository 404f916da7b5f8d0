#include "kernel/installed.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <tuple>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::kernel {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// The numbers that a release begins with; a release candidate puts -1 before its number, so that it sorts
/// before the release (where nothing, that is 0, stands there).
std::vector<int64_t> LeadingNumbers(std::string_view release) {
  std::vector<int64_t> numbers;
  while (!release.empty()) {
    size_t digits = 0;
    while (digits < release.size() && IsDigit(release[digits])) ++digits;
    if (digits == 0 || digits > 15) break;
    numbers.push_back(static_cast<int64_t>(ParseUnsigned(release.substr(0, digits)).value_or(0)));
    release.remove_prefix(digits);
    if (ConsumePrefix(release, "-rc") || ConsumePrefix(release, "~rc")) {
      numbers.push_back(-1);
    } else if (!ConsumePrefix(release, ".") && !ConsumePrefix(release, "-")) {
      break;
    }
  }
  return numbers;
}

/// boot/ names its images by release; these are the prefixes in use.
std::string_view ReleaseInBoot(std::string_view name) {
  if (name.find("rescue") != std::string_view::npos || name.ends_with(".old") || name.ends_with(".sig") ||
      name.ends_with(".hmac"))
    return {};
  for (const std::string_view prefix : {"vmlinuz-", "kernel-", "bzImage-"})
    if (ConsumePrefix(name, prefix))
      return !name.empty() && IsDigit(name.front()) ? name : std::string_view();
  return {};
}

}  // namespace

bool OlderRelease(std::string_view a, std::string_view b) {
  std::vector<int64_t> left = LeadingNumbers(a);
  std::vector<int64_t> right = LeadingNumbers(b);
  const size_t size = std::max(left.size(), right.size());
  left.resize(size);
  right.resize(size);
  if (left != right) return left < right;
  if (a.size() != b.size()) return a.size() > b.size();
  return a < b;
}

std::vector<InstalledKernel> FindInstalled(const std::string& root) {
  std::map<std::string, InstalledKernel> by_release;
  const auto add = [&](const std::string& release, const std::string& image) {
    if (!sys::IsRegularFile(image)) return;
    const bool readable = sys::IsReadable(image);
    InstalledKernel& kernel = by_release[release];
    if (!kernel.image.empty() && (kernel.readable || !readable)) return;
    kernel.release = release;
    kernel.image = image;
    kernel.readable = readable;
  };
  const std::string boot = sys::JoinPath(root, "boot");
  for (const std::string& name : sys::ListDirectory(boot).value_or(std::vector<std::string>()))
    if (const std::string_view release = ReleaseInBoot(name); !release.empty())
      add(std::string(release), sys::JoinPath(boot, name));
  for (const char* modules : {"usr/lib/modules", "lib/modules"}) {
    const std::string folder = sys::JoinPath(root, modules);
    for (const std::string& release : sys::ListDirectory(folder).value_or(std::vector<std::string>()))
      add(release, sys::JoinPath(sys::JoinPath(folder, release), "vmlinuz"));
  }
  std::vector<InstalledKernel> kernels;
  for (auto& [release, kernel] : by_release) {
    for (const char* modules : {"lib/modules", "usr/lib/modules"}) {
      const std::string folder = sys::JoinPath(sys::JoinPath(root, modules), release);
      if (kernel.modules_folder.empty() && sys::IsDirectory(folder)) kernel.modules_folder = folder;
    }
    kernels.push_back(std::move(kernel));
  }
  std::sort(kernels.begin(), kernels.end(), [](const InstalledKernel& a, const InstalledKernel& b) {
    if (a.readable != b.readable) return a.readable;
    if (a.modules_folder.empty() != b.modules_folder.empty()) return b.modules_folder.empty();
    return OlderRelease(b.release, a.release);
  });
  return kernels;
}

}  // namespace kiln::kernel
