/* Code with known lines and known inlining, compiled for the tests of symbols. The marks are looked for by the
 * tests; each stands on the line that the debug information must name. */
const char fixture_banner[] __attribute__((used)) = "Linux version 6.1.0-test (kiln@test) (cc) #7 SMP\n";

static inline __attribute__((always_inline)) int fixture_inner(volatile int* place) {
  return *place; /* mark: inner */
}

static inline __attribute__((always_inline)) int fixture_middle(volatile int* place) {
  return fixture_inner(place) + 1; /* mark: middle */
}

__attribute__((noinline, noclone, noipa)) int fixture_outer(volatile int* place) {
  return fixture_middle(place) * 3; /* mark: outer */
}

volatile int fixture_value;

__attribute__((noinline, noclone, noipa)) int fixture_caller(void) {
  int sum = fixture_outer(&fixture_value); /* mark: call */
  return sum + fixture_value;
}

__attribute__((used)) void _start(void) {
  fixture_value = fixture_caller();
  for (;;) {
  }
}
