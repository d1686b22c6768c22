"use strict";
// What the scripts of others leave out.

// A page on the disk may not read its neighbours: the search lists what it found, without excerpts.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// A quiz, for a reader who listens: which answers belong to which question, and what is said to the chosen one.
document.addEventListener("DOMContentLoaded", () => {
  for (const quiz of document.querySelectorAll(".Quiz")) {
    const [question, answers, said] = ["[id^=quizQn]", ".Answer", ".Feedback"].map((part) => quiz.querySelector(part));
    answers.setAttribute("role", "radiogroup");
    answers.setAttribute("aria-labelledby", question.id);
    said.setAttribute("role", "status");
  }
});
