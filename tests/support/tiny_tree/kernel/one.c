#include <linux/tiny.h>
int one(int x) { return x + 1; }
