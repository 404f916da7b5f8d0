#pragma once

#include <cstddef>
#include <string_view>

#include "build/make_output.h"

namespace kiln::build {

enum class Phase { kReadingTree, kCheckingOut, kWaiting, kConfiguring, kBuilding, kInstalling, kKeeping };

/// Told what a build does, as it does it.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void OnPhase(Phase phase) = 0;
  /// `expected` is how many steps the whole is likely to have; 0: nobody knows.
  virtual void OnStep(size_t made, size_t expected, const Step& current) = 0;
  /// What the user should know, as soon as it is known.
  virtual void OnNote(std::string_view text) = 0;
};

class QuietObserver final : public Observer {
 public:
  void OnPhase(Phase) override {}
  void OnStep(size_t, size_t, const Step&) override {}
  void OnNote(std::string_view) override {}
};

}  // namespace kiln::build
