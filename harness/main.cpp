#include <cstdio>
int main() { std::puts("attnbench"); }
