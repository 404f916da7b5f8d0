#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "build/artifact.h"
#include "build/diagnose.h"
#include "build/make_output.h"
#include "build/make_run.h"
#include "build/observer.h"
#include "config/environment.h"
#include "kconfig/profile.h"
#include "store/cache.h"
#include "sys/loop.h"
#include "sys/process.h"

namespace kiln::build {

/// All that `kiln build` was asked. Paths are absolute.
struct Request {
  std::string tree;  ///< Empty: the source tree at or above `current`.
  std::string current;
  std::string commit;                    ///< A revision; empty: the tree as it is.
  std::vector<std::string> profiles{};   ///< Names; empty: base.
  std::vector<kconfig::Profile> own{};   ///< Those of kiln.toml.
  std::vector<std::string> fragments{};  ///< Files put on top of the profiles.
  std::vector<std::string> set{};        ///< "KASAN=y", on top of all.
  std::string config{};                  ///< What to begin with instead of the profiles' base.
  std::string arch = "x86_64";
  std::string llvm{};  ///< "1", "-19", "/path/"; empty: GNU.
  std::string cross_compile{};
  std::string image{};   ///< --in: an image, or a root folder; empty: this host's toolchain.
  std::string output{};  ///< -O; empty: a folder in the cache.
  unsigned jobs = 0;     ///< 0: as the machine allows.
  bool ccache = true;    ///< Where there is one.
  bool strip_modules = true;
  bool force = false;               ///< Run make even when the cache has the result.
  std::vector<std::string> make{};  ///< After "--": variables, options, targets.
};

/// What the world gives. References must outlive the call.
struct World {
  const Clock& clock;
  sys::Loop& loop;
  sys::Spawner& spawner;
  Log& log;
  Observer& observer;
  const config::Environment& environment;
  std::string cache;  ///< kiln's cache folder; exists and can be written.
};

/// A build that did not come to its end, and why.
struct Failure {
  std::string what;  ///< "configuring", "building".
  bool interrupted = false;
  std::optional<FirstError> first;
  std::optional<Diagnosis> diagnosis;
  std::string command;            ///< That failed; may be empty.
  std::vector<std::string> tail;  ///< make's last lines.
};

/// What came of it.
struct Outcome {
  std::optional<Failure> failure;
  bool cached = false;        ///< It was there already; make did not run.
  bool targets_only = false;  ///< Named targets were built; nothing was kept.
  BuildInfo info;      ///< Of what is kept whole; else what it would have been made of, as far as known.
  std::string folder;  ///< What `kiln run --kernel` takes; empty when nothing is kept.
  std::shared_ptr<const store::CacheEntry> entry;
  std::string build_folder;  ///< Where make works; empty when it was not needed.
  std::string log;           ///< All that make said.
  std::vector<Warning> warnings;
  size_t warning_count = 0;
  size_t made = 0;
  std::vector<std::string> said;  ///< By targets that were asked, as kernelrelease is.
  std::vector<std::string> notes;
  Duration tree_time{};  ///< To know the tree's state.
};

/// Finds the build in the cache, or makes it. An Error is for what was asked wrongly or can't be begun; a
/// make that fails is an Outcome with a Failure.
Result<Outcome> Build(const Request& request, World& world);

}  // namespace kiln::build
