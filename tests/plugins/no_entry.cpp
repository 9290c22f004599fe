// A shared library that is no plugin.
__attribute__((visibility("default"))) int something_else() { return 0; }
