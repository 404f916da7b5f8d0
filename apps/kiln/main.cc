#include <unistd.h>

#include "cli/main.h"

int main(int argc, char** argv) { return kiln::cli::ProgramMain(argc, argv, environ); }
