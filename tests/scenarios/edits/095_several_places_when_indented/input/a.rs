fn a() {
    return;
}
fn b() {
        return;
}
