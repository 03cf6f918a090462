//! Trying a path on an answer that somebody saved, without a tenant.

use crate::plan::path_problem;
use crate::xml::{Names, Reach, Stop, Tree, read_answer};
use crate::xpath::XPath;

/// What a path comes to for each worker of a saved answer to `Get_Workers`; `None` where it comes to
/// nothing.
///
/// # Errors
/// What is wrong with the path, or with the answer.
pub fn try_path(path: &str, answer: &str) -> Result<Vec<Option<String>>, String> {
    if let Some(problem) = path_problem(path) {
        return Err(problem);
    }
    let (mut names, mut reach) = (Names::default(), Reach::default());
    let path = XPath::read(path, &mut names, &mut reach).map_err(|it| it.to_string())?;
    let mut found = Vec::new();
    let read = read_answer(answer, &names, &reach, &mut Tree::default(), |view| {
        found.push(path.first(view).map(std::borrow::Cow::into_owned));
        Ok::<(), String>(())
    });
    match read {
        Ok(_) => Ok(found),
        Err(Stop::Broken(broken)) => {
            Err(crate::intake::unreadable(broken, "the answer").to_string())
        }
        Err(Stop::Told(told)) => Err(told),
    }
}
