#include <linux/tiny.h>
int start(void);
int start(void) { return one(1) + two(2); }
