//! The *causes* of an error, in one line.

/// An error with its causes, but for those that its text ends with already.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut parts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !parts.last().is_some_and(|last| last.ends_with(&text)) {
            parts.push(text);
        }
        cause = error.source();
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Caused {
        text: &'static str,
        source: Option<Box<Caused>>,
    }

    #[test]
    fn a_cause_is_told_once() {
        let texts = [
            "no connection",
            "connect: no connection",
            "connect: no connection",
            "Service: connect: no connection",
        ];
        let error = texts.into_iter().fold(None, |source, text| Some(Box::new(Caused { text, source })));
        assert_eq!(chain(&*error.unwrap()), "Service: connect: no connection");
        let texts = ["connection refused", "error sending request"];
        let error = texts.into_iter().fold(None, |source, text| Some(Box::new(Caused { text, source })));
        assert_eq!(chain(&*error.unwrap()), "error sending request: connection refused");
    }
}
