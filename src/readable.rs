//! Which characters are there to be read.

/// Whether a character is neither a control character (line ends and tabs are some) nor one that hides or
/// reorders what stands around it: zero-width characters, marks and overrides of direction, tags, the byte
/// order mark.
pub fn is_readable(character: char) -> bool {
    let is_hidden = matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    !is_hidden && !character.is_control()
}

/// What there is to be read in a text, and no more than so many characters of it: fit for one line of a message.
pub fn line(text: &str, limit_characters: usize) -> String {
    text.chars().filter(|character| is_readable(*character)).take(limit_characters).collect()
}
