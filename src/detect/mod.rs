//! Which rules does this record satisfy? Which of those together?
