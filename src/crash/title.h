#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crash/format.h"
#include "crash/pattern.h"

namespace kiln::crash {

inline constexpr std::size_t kMaxTitle = 120;

/// Replaces what differs from one occurrence of a bug to the next: numbers NUM, addresses ADDR, function
/// offsets and CPU numbers, and cuts to kMaxTitle.
std::string NormalizeTitle(std::string_view title);

/// Names under which the same function goes: "__x64_sys_foo" and "SyS_foo" are "sys_foo",
/// "synchronize_rcu_expedited" is "synchronize_rcu". Returns the name for the title.
/// Only hangs and stalls join the variants of synchronize_rcu() and smp_call_function().
std::string CanonicalFunction(std::string_view function, Choice choice);

/// `shape` with {0}..{5} from the captures, {F} the function to blame, {O} the origin.
std::string FillTitle(std::string_view shape, const Captures& captures, std::string_view function,
                      std::string_view origin);

/// The class of bug that a title stands for; "" when it has none.
std::string_view TypeOfTitle(std::string_view title);

}  // namespace kiln::crash
