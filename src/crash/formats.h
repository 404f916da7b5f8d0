#pragma once

#include <span>

#include "crash/format.h"

/// The tables behind Headers(), one function a family of messages.
namespace kiln::crash::formats {

std::span<const Format> Bug();
std::span<const Format> KernelBug();
std::span<const Format> SlabBug();
std::span<const Format> Warning();
std::span<const Format> Info();
std::span<const Format> Unable();
std::span<const Format> Fault();
std::span<const Format> Ubsan();
std::span<const Format> Panic();
std::span<const Format> Other();
std::span<const Format> Rust();

}  // namespace kiln::crash::formats
