#![no_main]

#[path = "../targets/syntax.rs"]
mod target;

libfuzzer_sys::fuzz_target!(
    init: {
        // The processes that parse are this program once more.
        if task::parser::worker::is_wanted() {
            std::process::exit(i32::from(task::parser::worker::serve().is_err()));
        }
    },
    |data: &[u8]| target::run(data)
);
