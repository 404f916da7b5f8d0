#pragma once

#include <functional>

#include "run/plan.h"
#include "vm/agent_link.h"

namespace kiln::run {

/// One request for the agent with its frame flags, type-erased so that the same list can be sent over a link
/// or recorded as a script.
struct SetupRequest {
  std::string what;  ///< For errors and -v: "mount 9p kroot on /kiln/lower".
  std::function<void(vm::AgentLink&, std::function<void(Result<>)>)> send;
  std::function<void(std::string& script, uint32_t channel)> record;
};

/// What is the same for every run of the machine and is done before it is frozen.
std::vector<SetupRequest> EarlyRequests(const Plan& plan, RootMount root);

/// The steps as requests.
std::vector<SetupRequest> Requests(const std::vector<rootfs::Step>& steps);

/// Has the guest write to its disks what it holds back.
SetupRequest SyncRequest();

/// The rest of what must be done before the command, in order: clock, entropy, names, file systems, network.
/// `wall_ns` is the host's time; `entropy` are bytes from its random generator.
std::vector<SetupRequest> LateRequests(const Plan& plan, RootMount root, uint64_t wall_ns,
                                       const std::string& entropy);

/// The frames that the agent is sent for this plan, the command last, as one byte string for its standalone
/// mode.
std::string StandaloneScript(const Plan& plan);

}  // namespace kiln::run
