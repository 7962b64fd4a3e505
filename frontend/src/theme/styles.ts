import "./base.css"
import "./frame.css"
import "./rows.css"
import "./pages.css"
