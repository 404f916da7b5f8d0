#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/result.h"
#include "sys/fd.h"
#include "sys/loop.h"

namespace kiln::build {

/// Calls once after the last of several Touch()es, when it has been quiet for so long: an editor writes a
/// file in many steps, and a branch switch writes thousands.
class Debouncer {
 public:
  Debouncer(sys::Loop& loop, Duration quiet, std::function<void()> settled)
      : loop_(loop), quiet_(quiet), settled_(std::move(settled)) {}
  void Touch() {
    timer_ = loop_.After(quiet_, [this] { settled_(); });
  }

 private:
  sys::Loop& loop_;
  Duration quiet_;
  std::function<void()> settled_;
  sys::Loop::Handle timer_;
};

/// Tells when a file of a source tree that matters to a build (listing.h) was written, made, moved or
/// removed. Source: inotify(7).
class TreeWatcher {
 public:
  /// Watches every folder. `changed` gets the path below the tree; empty when there were too many changes to
  /// name them. Too few watches for this user is kUnsupported and says which setting.
  static Result<std::unique_ptr<TreeWatcher>> Create(sys::Loop& loop, const std::string& tree,
                                                     std::function<void(const std::string&)> changed);

 private:
  TreeWatcher(sys::Fd fd, std::string tree, std::function<void(const std::string&)> changed)
      : fd_(std::move(fd)), tree_(std::move(tree)), changed_(std::move(changed)) {}
  Result<> Add(const std::string& below);
  void Read();

  sys::Fd fd_;
  std::string tree_;
  std::function<void(const std::string&)> changed_;
  std::unordered_map<int, std::string> folders_;  // Below the tree; "" is the tree.
  sys::Loop::Handle watch_;
};

}  // namespace kiln::build
