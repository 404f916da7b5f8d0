#pragma once

#include <optional>
#include <string>
#include <vector>

#include "build/build_folder.h"
#include "build/builder.h"
#include "build/container.h"
#include "build/make_command.h"
#include "build/make_run.h"
#include "build/request_key.h"
#include "build/toolchain.h"

namespace kiln::build {

/// Who calls make for one build: with the toolchain and the variables that were asked for, on this host or in
/// a container.
class Maker {
 public:
  /// Finds the toolchain. kInvalidArgument for what kiln does not build for or may not be given; the errors
  /// of CheckTools() and ChooseContainer() for what is missing. References must outlive it.
  static Result<Maker> Create(const Request& request, const World& world, const kconfig::ProfilePlan& plan,
                              const MakeWords& words, store::Cache& cache);

  const Arch& arch() const { return *arch_; }
  const Toolchain& toolchain() const { return toolchain_; }
  /// All that decides what is made beside the tree, the configuration and the toolchain, of the command line
  /// and of the environment.
  const std::vector<std::string>& deciding_variables() const { return deciding_; }
  const Advice& advice() const { return advice_; }

  /// From now on ccache gives nothing that it has, and learns anew: it may have compiled a file that was
  /// something else when it looked at it.
  void Recache() { setup_.recache = true; }

  /// Where make is to work, before the first Make().
  void SetPlaces(const std::string& source, const BuildFolder& folder);
  /// One make, to its end. What it says is appended to the folder's log.
  Result<MakeRun> Make(std::vector<std::string> words, size_t expected = 0) const;
  /// Whether it has removed what was half-made: one that was killed, or ended with its container, has not.
  bool EndedByItself(const MakeRun& run) const;
  /// The command that makes a target of the folder; empty when make does not say.
  std::string CommandOf(const std::string& target) const;

 private:
  Maker(const Request& request, const World& world) : request_(request), world_(world) {}
  Result<> FindToolchain(const kconfig::ProfilePlan& plan, const MakeWords& words, store::Cache& cache);
  sys::Command Wrapped(const sys::Command& command) const;
  void MountAll();
  bool Has(const std::string& program) const;

  const Request& request_;
  const World& world_;
  const Arch* arch_ = nullptr;
  Advice advice_;
  std::optional<Container> container_;
  Toolchain toolchain_;
  std::vector<std::string> deciding_;
  std::vector<std::string> options_;
  MakeSetup setup_;
  std::string log_;
};

}  // namespace kiln::build
