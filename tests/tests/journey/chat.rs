//! The generated chat, in browser pages: what one sends, its room receives, also when the code changes meanwhile.

use crate::kit::{Browser, Page, Project};

#[track_caller]
fn is_open(page: &Page<'_>) {
    page.sees("document.querySelector('#state').dataset.state === 'open'");
}

/// How often this text was received or sent.
fn count(kind: &str, text: &str) -> String {
    format!(
        "[...document.querySelectorAll('ul#log li.{kind}')].filter(line => line.innerText.includes('{text}')).length"
    )
}

#[track_caller]
fn receives(page: &Page<'_>, text: &str) {
    page.sees(&format!("{} === 1", count("received", text)));
}

#[test]
fn two_pages_exchange_chat_messages() {
    let Some(browser) = Browser::start() else { return };
    let project = Project::with_chat("exchange");
    let serve = project.serve();
    let [one, two] = ["/chat/lobby"; 2].map(|path| browser.open(&serve.url(path)));
    let elsewhere = browser.open(&serve.url("/chat/elsewhere"));
    for page in [&one, &two, &elsewhere] {
        is_open(page);
    }

    // Straight after opening: the focus is where one types.
    one.types("hello from one");
    receives(&two, "hello from one");
    two.types("<b>hello</b> from two");
    for page in [&one, &two] {
        receives(page, "hello from one");
        receives(page, "<b>hello</b> from two");
    }
    one.sees(&format!("{} === 1", count("sent", "hello from one")));
    one.sees("document.querySelector('input#text').value === ''");

    // A message of its own comes back to the other room; whatever had come before it would be there by then.
    elsewhere.types("alone");
    receives(&elsewhere, "alone");
    assert_eq!(elsewhere.evaluate(&count("received", "hello")), 0);
    for page in [&one, &two, &elsewhere] {
        // The page is what a 426 holds, and the browser says so.
        let complaints = page
            .complaints()
            .into_iter()
            .filter(|text| !text.contains("status of 426"));
        assert_eq!(complaints.collect::<Vec<_>>(), Vec::<String>::new());
    }

    for (page, width, height, scheme) in [(&one, 360, 720, "light"), (&two, 1400, 900, "dark")] {
        page.resize(width, height, scheme);
        page.sees("document.documentElement.scrollWidth <= innerWidth");
        page.screenshot(&format!("chat-{width}-{scheme}"));
    }
}

#[test]
fn an_edited_handler_is_served_to_a_page_that_is_open() {
    let Some(browser) = Browser::start() else { return };
    let project = Project::with_chat("shout");
    let mut serve = project.serve();
    let page = browser.open(&serve.url("/chat/lobby"));
    is_open(&page);
    page.types("a quiet word");
    receives(&page, "a quiet word");

    project.edit(
        "src/ws/chat.rs",
        "\"message\", text",
        "\"message\", text.to_uppercase()",
    );
    serve.says("Changed src/ws/chat.rs");
    serve.has_reloaded();
    // The page is loaded again. Until then it may have the old connection, and what that says is the old code's.
    page.sees("document.readyState === 'complete' && !document.querySelector('#log').innerText.includes('quiet')");
    is_open(&page);
    page.types("a loud word");
    receives(&page, "A LOUD WORD");
}
