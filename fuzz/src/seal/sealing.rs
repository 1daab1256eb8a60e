//! Calls that seal, and what they must have written.

use tls_record::{ContentType, Control, Epoch, SealError, Sealed, Version};

use super::{Room, UNTOUCHED, World, length};
use crate::words;

impl World {
    /// Prepares an output, and returns its length.
    pub(super) fn room(&mut self, room: &Room, need: usize) -> usize {
        let len = match *room {
            Room::Plenty => need + 1000,
            Room::Exact => need,
            Room::Short => need.saturating_sub(1),
            Room::Of { len } => length(len),
        };
        self.out.clear();
        self.out.resize(len, UNTOUCHED);
        len
    }

    #[track_caller]
    pub(super) fn assert_untouched(&self, from: usize) {
        // Comparing byte by byte would dominate the time of an unoptimized test.
        const BLOCK: [u8; 1024] = [UNTOUCHED; 1024];
        let are_untouched = |bytes: &[u8]| bytes == &BLOCK[..bytes.len()];
        assert!(
            self.out[from..].chunks(BLOCK.len()).all(are_untouched),
            "memory was written that must not be"
        );
    }

    /// Opens the sealed records, which must have this content and these lengths.
    pub(super) fn take_apart(&mut self, content_type: ContentType, content: &[u8], lens: &[usize]) {
        let (mut at, mut taken) = (0, 0);
        for &len in lens {
            let (total, padding) = self.record_len(content_type, len);
            let record = self.mirror.open(&self.out[at..]);
            assert_eq!((record.content_type, record.total), (content_type, total));
            assert_eq!(record.padding, padding);
            assert_eq!(record.content, &content[taken..][..len]);
            at += total;
            taken += len;
        }
        if !lens.is_empty() {
            self.mirror.end_of_call();
        }
        self.assert_untouched(at);
    }

    pub(super) fn seal(&mut self, len: usize, first: usize, room: &Room) {
        const DATA: ContentType = ContentType::APPLICATION_DATA;
        let mut content: Vec<u8> = (0..=u8::MAX).collect::<Vec<_>>().repeat(len.div_ceil(256));
        content.truncate(len);
        let (need, _) = self.record_len(DATA, len.min(self.max_content()));
        let room = self.room(room, need);

        let (mut lens, mut expected) = (vec![], self.check_data().map(|()| Sealed::default()));
        if let Ok(Sealed { taken, written }) = &mut expected {
            while *taken < len {
                let numbers = self.mirror.sequence + lens.len() as u64;
                if !lens.is_empty() && numbers >= self.data_limit() {
                    break;
                }
                let part = (len - *taken).min(self.max_content());
                let (total, _) = self.record_len(DATA, part);
                if *written + total > room {
                    break;
                }
                lens.push(part);
                (*taken, *written) = (*taken + part, *written + total);
            }
        }
        if expected.is_ok() && lens.is_empty() && len != 0 {
            expected = Err(SealError::NoSpace { need });
        }
        let (front, back) = content.split_at(first.min(len));
        let sealed = match first {
            0 => self.sealer.seal(&[&content], &mut self.out),
            _ => self.sealer.seal(&[front, &[], back], &mut self.out),
        };
        assert_eq!(sealed, expected);
        let _ = sealed.inspect_err(words::check);
        self.take_apart(DATA, &content, &lens);
        if let Ok(Sealed { taken, .. }) = sealed {
            self.sizes.sealed(taken, self.now);
            (self.run, self.last) = (self.run + taken, self.now);
        }
    }

    pub(super) fn seal_in_place(&mut self, len: usize, room: &Room) {
        const DATA: ContentType = ContentType::APPLICATION_DATA;
        let max = self.max_content();
        let (need, _) = self.record_len(DATA, len);
        let room = self.room(room, need);
        let expected = match self.check_data() {
            Ok(()) if len > max => Err(SealError::TooLong),
            Ok(()) if need > room => Err(SealError::NoSpace { need }),
            checked => checked.map(|()| need),
        };
        if len <= max {
            assert_eq!(self.sealer.record_len(len), need);
        }
        let sealed = self.sealer.seal_in_place(&mut self.out, len);
        assert_eq!(sealed, expected);
        match sealed {
            Ok(_) => self.take_apart(DATA, &vec![UNTOUCHED; len], &[len]),
            Err(_) => self.assert_untouched(0),
        }
    }

    pub(super) fn handshake(
        &mut self,
        messages: &[u8],
        message_type: u8,
        whole: usize,
        room: &Room,
    ) {
        const HANDSHAKE: ContentType = ContentType::HANDSHAKE;
        let max = self.max_content();
        let lens: Vec<usize> = messages.chunks(max).map(<[u8]>::len).collect();
        let need = lens.iter().map(|&len| self.record_len(HANDSHAKE, len).0).sum();
        let room = self.room(room, need);
        let are_whole = messages.len().is_multiple_of(whole);
        let names_update = message_type == 24 && messages.len() >= 4;
        let records = lens.len() as u64;
        let mut falls_due = false;
        let expected = match self.check_open().and_then(|()| self.check_keys()) {
            Ok(()) if self.is_keys_due() => Err(SealError::NoKeys),
            Ok(()) if names_update || !are_whole => Err(SealError::NotHandshake),
            Ok(()) if need > room => Err(SealError::NoSpace { need }),
            Ok(()) if self.mirror.sequence + records > self.data_limit() => {
                falls_due = self.may_update() && records <= self.data_limit();
                Err(if falls_due { SealError::ControlFirst } else { SealError::KeyExhausted })
            }
            checked => checked.map(|()| need),
        };
        let (front, back) = messages.split_at(messages.len().min(3));
        let sealed = self.sealer.seal_handshake(&[front, back], &mut self.out);
        assert_eq!(sealed, expected);
        let _ = sealed.inspect_err(words::check);
        self.is_update_wanted |= falls_due;
        match sealed {
            Ok(_) => self.take_apart(HANDSHAKE, messages, &lens),
            Err(_) => self.assert_untouched(0),
        }
    }

    pub(super) fn change_cipher_spec(&mut self, room: &Room) {
        let room = self.room(room, 6);
        let version = self.version.or(self.setup.suite.pinned());
        let is_expected = match version {
            Some(Version::Tls13) => self.epoch != Epoch::Application,
            Some(Version::Tls12) => self.epoch == Epoch::Plaintext && !self.are_keys_due,
            None => false,
        };
        let expected = match self.check_open() {
            Ok(()) if !is_expected => Err(SealError::NotHandshake),
            Ok(()) if room < 6 => Err(SealError::NoSpace { need: 6 }),
            checked => checked.map(|()| 6),
        };
        let written = self.sealer.change_cipher_spec(&mut self.out);
        assert_eq!(written, expected);
        if written.is_ok() {
            assert_eq!(self.out[..6], [20, 3, 3, 0, 1, 1]);
            self.version = version;
            self.mirror.version_is_known();
            self.are_keys_due = version == Some(Version::Tls12);
        }
        self.assert_untouched(written.unwrap_or(0));
    }

    /// Seals the control record that is due. Returns whether there was one.
    pub(super) fn control(&mut self, room: &Room) -> bool {
        let due = self.due();
        if self.is_in_kernel {
            self.room(room, 0);
            assert_eq!((self.sealer.has_control(), self.sealer.next_control()), (false, None));
            assert_eq!(
                self.sealer.poll_control(&mut self.out),
                Ok(0),
                "the kernel seals control messages"
            );
            self.assert_untouched(0);
        }
        let in_kernel = self.sealer.take_kernel_control();
        if self.is_in_kernel {
            assert_eq!(in_kernel, due.as_ref().map(|(control, ..)| *control));
            let Some((control, content_type, content)) = due else { return false };
            let message = control.message();
            assert_eq!((message.content_type(), message.as_bytes()), (content_type, &content[..]));
            self.control_sealed(control);
            return true;
        }
        assert_eq!(in_kernel, None, "without the kernel, control is sealed here");
        assert_eq!(self.sealer.next_control(), due.as_ref().map(|(control, ..)| *control));
        assert_eq!(self.sealer.has_control(), due.is_some());
        let Some((control, content_type, message)) = due else {
            self.room(room, 0);
            assert_eq!(self.sealer.poll_control(&mut self.out), Ok(0));
            self.assert_untouched(0);
            return false;
        };
        let (need, _) = self.record_len(content_type, message.len());
        assert!(need <= self.sealer.control_len(), "control_len must be enough");
        let room = self.room(room, need);
        let sealed = self.sealer.poll_control(&mut self.out);
        if room < need {
            assert_eq!(sealed, Err(SealError::NoSpace { need }));
            self.assert_untouched(0);
            return true;
        }
        assert_eq!(sealed, Ok(need));
        self.take_apart(content_type, &message, &[message.len()]);
        if matches!(control, Control::KeyUpdate { .. }) {
            self.mirror.update();
        }
        self.control_sealed(control);
        true
    }
}
