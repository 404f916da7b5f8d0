#pragma once

#include <functional>
#include <string>

#include "run/templates.h"
#include "vm/agent_link.h"

namespace kiln::run {

/// A root that was frozen along with a machine is looked at by the first clone before anything depends on it:
/// whether this QEMU and this kernel took up where they were is not known before.
class RootProof {
 public:
  /// Of the clone that a session wakes; without one, and when it has been proven, nothing is due.
  RootProof(const Plan& plan, const TemplateUse& use);
  bool is_due() const { return !file_.empty(); }
  /// Asks the guest for a file of the host's, ahead of all that is sent after it. What has been seen is noted
  /// in the template. This must live until then.
  void Begin(vm::AgentLink& link, std::function<void(const Error&)> failed);

 private:
  const TemplateUse& use_;
  std::string file_;  // What the clone must see; empty once it has.
};

}  // namespace kiln::run
